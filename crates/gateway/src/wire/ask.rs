//! The body of a click for help. Must not know what the shop's token proves.

use std::collections::BTreeMap;
use std::time::Duration;

use helpdesk::{Channel, Detail, Level, Prefer, Preference, RepId, SkillId, Wishes};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::form::FormFace;
use crate::problem::Problem;

/// What the page sends with the click.
#[derive(Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskBody {
    /// Skills wanted; may be left out where a site has only one.
    #[serde(default)]
    #[schema(max_items = 8)]
    pub(crate) skills: Vec<SkillWish>,
    /// A rep asked for by name.
    #[schema(max_length = 64)]
    pub(crate) rep: Option<String>,
    /// How long to wait for that rep, or for the best, in seconds.
    #[schema(minimum = 0.0, maximum = 3600.0)]
    pub(crate) rep_wait: Option<f64>,
    /// `best` or `first`.
    #[schema(pattern = "^(best|first)$")]
    pub(crate) prefer: Option<String>,
    /// The shopper's name.
    #[schema(max_length = 80)]
    pub(crate) name: Option<String>,
    /// The shopper's telephone number.
    #[schema(max_length = 32)]
    pub(crate) phone: Option<String>,
    /// First words.
    #[schema(max_length = 8192)]
    pub(crate) message: Option<String>,
    /// Address of the page.
    #[schema(max_length = 2048)]
    pub(crate) page: Option<String>,
    /// BCP 47 tag of the page's language.
    #[schema(max_length = 35)]
    pub(crate) lang: Option<String>,
    /// `true` asks to be called instead of answered on the page.
    pub(crate) callback: Option<bool>,
    /// Address of electronic mail.
    pub(crate) email: Option<String>,
    /// Answers to the site's own questions, by their names.
    #[serde(default)]
    pub(crate) details: BTreeMap<String, String>,
    /// `false`: the number given is not to be rung.
    pub(crate) consent: Option<bool>,
    /// Whether the shopper wants to be known again, where the site asks that.
    pub(crate) remember: Option<bool>,
}

/// A skill by its identity alone, or with how much it matters.
#[derive(Debug, PartialEq, Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum SkillWish {
    /// Required.
    Plain(String),
    /// Required, or preferred where it has a weight.
    Detailed(DetailedWish),
}

#[derive(Debug, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DetailedWish {
    id: String,
    /// 1 to 100: the skill is preferred, not required.
    weight: Option<f64>,
    /// 1 to 100: the least level.
    level: Option<f64>,
}

/// Bytes that a line of a conversation may have.
pub(crate) const LINE_LIMIT: usize = 8 * 1024;

/// The longest time that a shopper may want to wait for one rep, in seconds.
const LONGEST_REP_WAIT: f64 = 3_600.0;

/// What a body asks for, with every field within its bounds.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// Required skills, as they were named.
    pub(crate) skills: Vec<SkillId>,
    /// What is wished beyond.
    pub(crate) wishes: Wishes,
    /// A rep asked for by name.
    pub(crate) rep: Option<RepId>,
    /// The shopper's name.
    pub(crate) name: Option<String>,
    /// The shopper's telephone number.
    pub(crate) phone: Option<String>,
    /// First words.
    pub(crate) message: Option<String>,
    /// Address of the page.
    pub(crate) page: Option<String>,
    /// BCP 47 tag of the page's language.
    pub(crate) lang: Option<String>,
    /// How the shopper wants to be answered.
    pub(crate) channel: Channel,
    /// Address of electronic mail; among the details too.
    pub(crate) email: Option<String>,
    /// What the site's own form asked, with its labels.
    pub(crate) details: Vec<Detail>,
    /// The shopper's word on being known again.
    pub(crate) remember: Option<bool>,
}

impl AskBody {
    /// An ask for these skills, each required, and for nothing else.
    pub(crate) fn for_skills(skills: impl Iterator<Item = String>) -> Self {
        Self {
            skills: skills.map(SkillWish::Plain).collect(),
            ..Self::default()
        }
    }

    /// The ask with blank fields left out, or the first field that is wrong.
    pub(crate) fn bounded(self, form: &FormFace) -> Result<Asked, Problem> {
        if self.skills.len() > 8 {
            return Err(Problem::unprocessable("skills may name 8 skills."));
        }
        let email = field("email", self.email, 254)?;
        let details = details_of(email.as_deref(), self.details, form)?;
        let phone = self.phone.filter(|_| self.consent != Some(false));
        let mut skills = Vec::new();
        let mut wishes = Wishes {
            prefer: self.prefer.as_deref().map(read_prefer).transpose()?,
            rep_deadline: self.rep_wait.map(read_rep_wait).transpose()?,
            ..Wishes::NONE
        };
        for wish in self.skills {
            let DetailedWish { id, weight, level } = match wish {
                SkillWish::Detailed(wish) => wish,
                SkillWish::Plain(id) => DetailedWish {
                    id,
                    weight: None,
                    level: None,
                },
            };
            check("skills", &id, 64)?;
            let skill = SkillId::new(&id);
            let least_level = level
                .map(|level| read_level("level", &id, level))
                .transpose()?;
            match weight {
                Some(weight) => wishes.preferred.push(Preference {
                    weight: read_level("weight", &id, weight)?,
                    skill,
                    least_level,
                }),
                None => {
                    wishes
                        .least_levels
                        .extend(least_level.map(|level| (skill.clone(), level)));
                    skills.push(skill);
                }
            }
        }
        Ok(Asked {
            skills,
            wishes,
            rep: field("rep", self.rep, 64)?.as_deref().map(RepId::new),
            name: field("name", self.name, 80)?,
            phone: field("phone", phone, 32)?,
            message: field("message", self.message, LINE_LIMIT)?,
            page: field("page", self.page, 2048)?,
            lang: field("lang", self.lang, 35)?,
            channel: match self.callback {
                Some(true) => Channel::Telephone,
                Some(false) | None => Channel::Page,
            },
            email,
            details,
            remember: self.remember,
        })
    }
}

/// The answers that are given, in the order of the form; one to a question nobody asked is refused.
fn details_of(
    email: Option<&str>,
    mut answers: BTreeMap<String, String>,
    form: &FormFace,
) -> Result<Vec<Detail>, Problem> {
    let mut details = Vec::new();
    if let Some(email) = email {
        if !looks_like_an_address(email) {
            return Err(Problem::unprocessable(
                "email is no address of electronic mail.",
            ));
        }
        details.push(Detail {
            label: "Email".to_owned(),
            answer: email.to_owned(),
        });
    }
    for asked in &form.fields {
        let Some(answer) = answers.remove(&asked.id) else {
            continue;
        };
        let Some(answer) = field("details", Some(answer), 500)? else {
            continue;
        };
        if !asked.choices.is_empty() && !asked.choices.contains(&answer) {
            return Err(Problem::unprocessable(format!(
                "details {} is one of: {}.",
                asked.id,
                asked.choices.join(", ")
            )));
        }
        let label = asked.label.usual.clone();
        details.push(Detail { label, answer });
    }
    match answers.keys().next() {
        Some(unknown) => Err(Problem::unprocessable(format!(
            "The form of this site does not ask for {unknown:?}."
        ))),
        None => Ok(details),
    }
}

/// One sign `@` with something before it and a name after it; whether it is an address, only a letter to it would tell.
fn looks_like_an_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(user, host)| {
        let is_host = !host.starts_with('.') && !host.ends_with('.') && !host.contains('@');
        !user.is_empty() && is_host && host.contains('.') && !text.contains(char::is_whitespace)
    })
}

fn read_prefer(prefer: &str) -> Result<Prefer, Problem> {
    match prefer {
        "best" => Ok(Prefer::Best),
        "first" => Ok(Prefer::First),
        _ => Err(Problem::unprocessable("prefer is \"best\" or \"first\".")),
    }
}

fn read_rep_wait(seconds: f64) -> Result<Duration, Problem> {
    let wait = (0.0..=LONGEST_REP_WAIT)
        .contains(&seconds)
        .then(|| Duration::try_from_secs_f64(seconds));
    match wait {
        Some(Ok(wait)) => Ok(wait),
        Some(Err(_)) | None => Err(Problem::unprocessable(format!(
            "rep_wait is 0 to {LONGEST_REP_WAIT} seconds."
        ))),
    }
}

fn read_level(name: &str, skill: &str, value: f64) -> Result<Level, Problem> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and what is not the whole number again is refused"
    )]
    let whole = value as u8;
    Level::new(whole)
        .filter(|_| f64::from(whole) == value)
        .ok_or_else(|| {
            Problem::unprocessable(format!(
                "The {name} of skill {skill} is a whole number from 1 to 100."
            ))
        })
}

/// A text without the white space round it; `None` if nothing is left.
fn field(
    name: &'static str,
    text: Option<String>,
    limit: usize,
) -> Result<Option<String>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let trimmed = text.trim();
    check(name, trimmed, limit)?;
    Ok((!trimmed.is_empty()).then(|| trimmed.to_owned()))
}

fn check(name: &'static str, text: &str, limit: usize) -> Result<(), Problem> {
    let is_line = matches!(name, "message");
    if text.len() > 4 * limit || text.chars().count() > limit {
        return Err(Problem::unprocessable(format!(
            "{name} may have {limit} characters."
        )));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !(is_line && c == '\n'))
    {
        return Err(Problem::unprocessable(format!(
            "{name} may not have control characters."
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::{FormField, Words};

    fn form() -> FormFace {
        let asked = |id: &str, choices: &[&str]| FormField {
            id: id.to_owned(),
            label: Words {
                usual: format!("Your {id}"),
                by_language: BTreeMap::new(),
            },
            is_required: false,
            choices: choices.iter().map(|&choice| choice.to_owned()).collect(),
        };
        FormFace {
            fields: vec![asked("order", &[]), asked("branch", &["Harbour", "Hill"])],
            ..FormFace::default()
        }
    }

    fn check_body(json: &str, expected: Result<&str, &str>) {
        let bounded = serde_json::from_str::<AskBody>(json)
            .unwrap()
            .bounded(&form());
        match (bounded, expected) {
            (Ok(body), Ok(name)) => assert_eq!(body.name.as_deref().unwrap_or(""), name),
            (Err(problem), Err(words)) => assert!(
                problem.document().detail.contains(words),
                "{problem:?} for {json}"
            ),
            (bounded, expected) => panic!("{bounded:?}, not {expected:?}, for {json}"),
        }
    }

    #[test]
    fn fields_are_trimmed_and_bounded() {
        check_body(r#"{"skills":["cameras"],"name":" Ann "}"#, Ok("Ann"));
        check_body(r#"{"name":"   "}"#, Ok(""));
        let longest = "é".repeat(80);
        check_body(&format!(r#"{{"name":"{longest}"}}"#), Ok(&longest));
        check_body(
            &format!(r#"{{"name":"{}"}}"#, "é".repeat(81)),
            Err("name may have 80"),
        );
        check_body(r#"{"name":"a\u0000b"}"#, Err("name may not have control"));
        check_body(r#"{"name":"a\nb"}"#, Err("name may not have control"));
        check_body(r#"{"name":"Ann","message":"a\nb"}"#, Ok("Ann"));
        check_body(
            r#"{"skills":["a","b","c","d","e","f","g","h","i"]}"#,
            Err("8 skills"),
        );
    }

    #[test]
    fn skills_may_say_how_much_they_matter() {
        let json = r#"{"skills":["cameras",{"id":"lenses","level":60},{"id":"french","weight":50,"level":20}],
            "rep":"alice","rep_wait":90,"prefer":"best"}"#;
        let asked = serde_json::from_str::<AskBody>(json)
            .unwrap()
            .bounded(&form())
            .unwrap();
        let level = |level| Level::new(level).unwrap();
        assert_eq!(
            asked.skills,
            [SkillId::new("cameras"), SkillId::new("lenses")]
        );
        assert_eq!(asked.rep, Some(RepId::new("alice")));
        let wishes = Wishes {
            least_levels: vec![(SkillId::new("lenses"), level(60))],
            preferred: vec![Preference {
                skill: SkillId::new("french"),
                weight: level(50),
                least_level: Some(level(20)),
            }],
            prefer: Some(Prefer::Best),
            rep_deadline: Some(Duration::from_secs(90)),
        };
        assert_eq!(asked.wishes, wishes);
    }

    #[test]
    fn answers_to_the_sites_questions_are_kept_in_its_order_and_words() {
        let json = r#"{"email":" ann@mail.example ","details":{"branch":"Hill","order":" 12 ","other":""}}"#;
        let known = json.replace(r#","other":"""#, "");
        let asked = serde_json::from_str::<AskBody>(&known).unwrap();
        let details = asked.bounded(&form()).unwrap().details;
        let shown: Vec<_> = details
            .iter()
            .map(|detail| format!("{}: {}", detail.label, detail.answer))
            .collect();
        assert_eq!(
            shown,
            [
                "Email: ann@mail.example",
                "Your order: 12",
                "Your branch: Hill"
            ]
        );
        check_body(json, Err("does not ask for \"other\""));
        check_body(
            r#"{"details":{"branch":"Sea"}}"#,
            Err("branch is one of: Harbour, Hill"),
        );
        for email in [
            "ann",
            "@mail.example",
            "ann@mail",
            "a b@c.d",
            "a@b@c.d",
            "a@.d",
        ] {
            check_body(
                &format!(r#"{{"email":"{email}"}}"#),
                Err("no address of electronic mail"),
            );
        }
    }

    #[test]
    fn a_number_that_may_not_be_rung_is_not_kept() {
        let phone = |json: &str| {
            let body = serde_json::from_str::<AskBody>(json).unwrap();
            body.bounded(&form()).unwrap().phone
        };
        assert_eq!(phone(r#"{"phone":"1","consent":false}"#), None);
        assert!(phone(r#"{"phone":"1","consent":true}"#).is_some());
        assert!(phone(r#"{"phone":"1"}"#).is_some());
    }

    #[test]
    fn a_wish_that_means_nothing_is_refused_by_its_name() {
        check_body(
            r#"{"prefer":"cheapest"}"#,
            Err(r#"prefer is "best" or "first""#),
        );
        check_body(r#"{"rep_wait":-1}"#, Err("rep_wait is 0 to 3600"));
        check_body(r#"{"rep_wait":3601}"#, Err("rep_wait is 0 to 3600"));
        for level in ["0", "101", "50.5", "-3", "1e99"] {
            check_body(
                &format!(r#"{{"skills":[{{"id":"a","level":{level}}}]}}"#),
                Err("level of skill a"),
            );
        }
        check_body(
            r#"{"skills":[{"id":"a","weight":0}]}"#,
            Err("weight of skill a"),
        );
        for other in [
            r#"{"skills":[{"id":"a","wait":1}]}"#,
            r#"{"skills":[1]}"#,
            r#"{"skills":[{}]}"#,
        ] {
            assert!(serde_json::from_str::<AskBody>(other).is_err(), "{other}");
        }
    }
}
