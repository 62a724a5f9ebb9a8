//! The body of a click for help. Must not know what the shop's token proves.

use serde::Deserialize;

use crate::problem::Problem;

/// What the page sends with the click.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AskBody {
    /// Skills wanted; may be left out where a site has only one.
    #[serde(default)]
    pub(crate) skills: Vec<String>,
    /// A rep asked for by name.
    pub(crate) rep: Option<String>,
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
}

/// Bytes that a line of a conversation may have.
pub(crate) const LINE_LIMIT: usize = 8 * 1024;

impl AskBody {
    /// The same ask with blank fields left out, or the first field that is too long.
    pub(crate) fn bounded(self) -> Result<Self, Problem> {
        if self.skills.len() > 8 {
            return Err(Problem::unprocessable("skills may name 8 skills."));
        }
        for skill in &self.skills {
            check("skills", skill, 64)?;
        }
        Ok(Self {
            skills: self.skills,
            rep: field("rep", self.rep, 64)?,
            name: field("name", self.name, 80)?,
            phone: field("phone", self.phone, 32)?,
            message: field("message", self.message, LINE_LIMIT)?,
            page: field("page", self.page, 2048)?,
            lang: field("lang", self.lang, 35)?,
        })
    }
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

    fn check_body(json: &str, expected: Result<&str, &str>) {
        let bounded = serde_json::from_str::<AskBody>(json).unwrap().bounded();
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
}
