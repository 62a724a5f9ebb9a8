//! A scenario of `deskbell simulate`: classes, pools, tiers, and the server's own table `[routing]`.
//! Must not know how it is played, nor what a trace holds.

use std::path::Path;
use std::time::Duration;

use helpdesk::simulation::{Arrivals, Class, Law, Pool, Scenario};
use helpdesk::{Rep, RepId, Routing, Site, SiteId, SkillId, Tier, TierId, Wishes};
use toml::de::DeTable;

use super::desk;
use super::document::{Notes, Section, Value};
use super::mistake::Mistake;
use super::names::{self, Names};
use super::reps;
use super::routing;

const KEYS: [&str; 9] = [
    "seed", "warm_up", "arrivals", "trace", "quotes", "class", "pool", "tier", "routing",
];
const CLASS_KEYS: [&str; 6] = ["name", "rate", "skills", "tier", "service", "patience"];
const POOL_KEYS: [&str; 5] = ["name", "count", "skills", "tiers", "capacity"];
const LAW_KEYS: [&str; 3] = ["law", "mean", "cv"];

const DEFAULT_ARRIVALS: u32 = 1_000_000;
const DEFAULT_QUOTES: u32 = 2_000;
/// Arrivals of a second; beyond, a nanosecond no longer tells two of them apart.
const HIGHEST_RATE: f64 = 1e6;
/// A year, in seconds.
const LONGEST: f64 = 31_557_600.0;
const HIGHEST_CV: f64 = 20.0;
const MOST_REPS: u32 = 100_000;
/// A scenario has no limit and no rest that it does not name.
const NO_LIMIT: usize = 1_000_000;

/// A scenario as its file tells it.
#[derive(Debug)]
pub(crate) struct ScenarioFile {
    /// The scenario; with a trace its arrivals are still to be read.
    pub(crate) scenario: Scenario,
    /// The file of the recorded arrivals, as written.
    pub(crate) trace: Option<String>,
    /// What may not be meant.
    pub(crate) warnings: Vec<Mistake>,
}

/// Reads a scenario's text; `path` names it in mistakes.
pub(crate) fn read_scenario(text: &str, path: &Path) -> Result<ScenarioFile, Vec<Mistake>> {
    let notes = Notes::new(path, text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What follows a broken line may be misread: its mistakes would be ours.
        for error in &errors {
            notes.syntax(error);
        }
        return Err(notes.into_mistakes());
    }
    let root = Section::root(&notes, &document, &KEYS);
    let read = read_root(&root);
    let ((scenario, trace), warnings) = notes.judge_plainly(Some(read))?;
    Ok(ScenarioFile {
        scenario,
        trace,
        warnings,
    })
}

fn read_root(root: &Section<'_>) -> (Scenario, Option<String>) {
    let class_tables = root.tables("class", "[[class]]", &CLASS_KEYS);
    let pool_tables = root.tables("pool", "[[pool]]", &POOL_KEYS);
    let tier_tables = root.tables("tier", "[[tier]]", &desk::TIER_KEYS);
    if class_tables.is_empty() {
        root.mistake("class", "is missing; a [[class]] says who comes");
    }
    if pool_tables.is_empty() {
        root.mistake("pool", "is missing; a [[pool]] says who serves");
    }
    let mut tiers = desk::read_tiers(&tier_tables);
    if !tiers.iter().any(|tier| tier.id.as_str() == desk::ONLY_TIER) {
        tiers.insert(
            0,
            Tier {
                id: TierId::new(desk::ONLY_TIER),
                weight: 1.0,
            },
        );
    }
    let mut known_tiers = names::collect(&tier_tables);
    if !known_tiers.contains(&desk::ONLY_TIER) {
        known_tiers.push(desk::ONLY_TIER);
    }
    let names = Names {
        skills: skills_of(&pool_tables),
        tiers: known_tiers,
    };
    let trace = root.value("trace");
    let whole = |key: &str, bounds, usual: u32| {
        let value = root.value(key);
        u64::from(value.and_then(|value| value.whole(bounds)).unwrap_or(usual))
    };
    if let (Some(_), Some(arrivals)) = (&trace, root.value("arrivals")) {
        arrivals.warning("is not used: the trace says how many come");
    }
    let classes = read_classes(&class_tables, &names, trace.is_some());
    let pools = read_pools(&pool_tables, &names);
    let scenario = Scenario {
        seed: whole("seed", 0..=u32::MAX, 1),
        warm_up: whole("warm_up", 0..=u32::MAX, 0),
        arrivals: Arrivals::Chance(whole("arrivals", 1..=u32::MAX, DEFAULT_ARRIVALS)),
        quotes: whole("quotes", 0..=u32::MAX, DEFAULT_QUOTES),
        routing: read_routing(root, &names, &classes, &pools),
        classes,
        pools,
        tiers,
    };
    let trace = trace.and_then(|trace| Some(trace.text()?.to_owned()));
    (scenario, trace)
}

/// Every skill that a pool has, right or wrong: what classes and rules may refer to.
fn skills_of<'a>(pools: &[Section<'a>]) -> Vec<&'a str> {
    let mut known = Vec::new();
    for pool in pools {
        let skills = pool
            .value("skills")
            .and_then(|skills| skills.written_table());
        for (skill, _) in skills.iter().flat_map(Section::entries) {
            if !known.contains(&skill) {
                known.push(skill);
            }
        }
    }
    known
}

fn read_classes(tables: &[Section<'_>], names: &Names<'_>, is_recorded: bool) -> Vec<Class> {
    let mut taken = Vec::new();
    tables
        .iter()
        .filter_map(|table| {
            let name = read_name(table, &mut taken);
            let rate = if is_recorded {
                if let Some(rate) = table.value("rate") {
                    rate.warning("is not used: the trace says when they come");
                }
                Some(0.0)
            } else {
                table
                    .required("rate", "write how many come in a second, such as 0.5")
                    .and_then(|rate| rate.positive(HIGHEST_RATE))
            };
            let skills = table
                .required("skills", "write what is asked for, such as [\"general\"]")
                .and_then(|skills| {
                    if skills.items_written() == Some(0) {
                        skills.mistake("is empty; a ticket asks for something");
                    }
                    names::refer_all(&skills, "skill of a pool", &names.skills)
                });
            let tier = match table.value("tier") {
                None => Some(desk::ONLY_TIER),
                Some(tier) => names::refer(&tier, "tier", &names.tiers),
            };
            let service = table
                .required("service", "write { law = \"exponential\", mean = 240 }")
                .and_then(|law| read_law(&law));
            let patience = table.value("patience").map(|law| read_law(&law));
            Some(Class {
                name: name?,
                rate: rate?,
                skills: skills?.into_iter().map(SkillId::new).collect(),
                wishes: Wishes::default(),
                tier: TierId::new(tier?),
                service: service?,
                patience: match patience {
                    None => None,
                    Some(law) => Some(law?),
                },
                usual: None,
            })
        })
        .collect()
}

fn read_pools(tables: &[Section<'_>], names: &Names<'_>) -> Vec<Pool> {
    let mut taken = Vec::new();
    tables
        .iter()
        .filter_map(|table| {
            let name = read_name(table, &mut taken);
            let count = table
                .required("count", "write how many reps there are")
                .and_then(|count| count.whole(1..=MOST_REPS));
            let skills = reps::read_skills(table, names);
            let tiers = table
                .value("tiers")
                .map(|tiers| reps::read_tiers(&tiers, names));
            let capacity = match table.value("capacity") {
                None => Some(1),
                Some(capacity) => capacity.whole(1..=100),
            };
            Some(Pool {
                name: name?,
                count: count?,
                skills,
                tiers: match tiers {
                    None => None,
                    Some(tiers) => Some(tiers?),
                },
                capacity: capacity?,
            })
        })
        .collect()
}

fn read_name<'a>(table: &Section<'a>, taken: &mut Vec<&'a str>) -> Option<String> {
    let value = table.required("name", "the results are listed by it")?;
    let name = value.text()?;
    if taken.contains(&name) {
        value.mistake(format!(
            "there is another {name} above; give each its own name"
        ));
        return None;
    }
    taken.push(name);
    Some(name.to_owned())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Exponential,
    LogNormal,
    Constant,
}

fn read_law(value: &Value<'_>) -> Option<Law> {
    let shapes = [
        ("exponential", Shape::Exponential),
        ("log-normal", Shape::LogNormal),
        ("constant", Shape::Constant),
    ];
    let table = value.table(&LAW_KEYS)?;
    let shape = table
        .required("law", "write exponential, log-normal or constant")
        .and_then(|law| law.choice(&shapes));
    let mean = table
        .required("mean", "write the mean in seconds")
        .and_then(|mean| mean.positive(LONGEST));
    let shape = shape?;
    match (shape, table.value("cv")) {
        (Shape::Exponential, None) => Some(Law::Exponential { mean: mean? }),
        (Shape::Constant, None) => Some(Law::Constant { mean: mean? }),
        (Shape::Exponential | Shape::Constant, Some(cv)) => {
            cv.mistake_of_key("is one too many: only a log-normal law has one to choose");
            None
        }
        (Shape::LogNormal, None) => {
            table.mistake(
                "cv",
                "is missing; write the standard deviation over the mean",
            );
            None
        }
        (Shape::LogNormal, Some(cv)) => {
            let cv = cv.not_negative(HIGHEST_CV)?;
            Some(Law::LogNormal { mean: mean?, cv })
        }
    }
}

fn read_routing(
    root: &Section<'_>,
    names: &Names<'_>,
    classes: &[Class],
    pools: &[Pool],
) -> Routing {
    let usual = Routing {
        wrap_up: Duration::ZERO,
        queue_limit: NO_LIMIT,
        ..Routing::default()
    };
    let asked: Vec<SkillId> = classes
        .iter()
        .flat_map(|class| class.skills.iter().cloned())
        .collect();
    let site = Site {
        id: SiteId::new("scenario"),
        name: String::new(),
        skills: asked,
        hours: None,
        skill_hours: Vec::new(),
        shows_next_rep: false,
        callback: helpdesk::CallbackRules::default(),
    };
    let reps: Vec<Rep> = pools
        .iter()
        .map(|pool| Rep {
            id: RepId::new(&pool.name),
            name: pool.name.clone(),
            skills: pool.skills.clone(),
            tiers: pool.tiers.clone(),
            capacity: pool.capacity,
        })
        .collect();
    let routing = routing::read_beside(usual, root, names, &[site], &reps);
    if routing.promise_boost > 1.0 {
        root.warning(
            "routing.promise_boost",
            "is not played: most simulated tickets are promised nothing",
        );
    }
    routing
}
