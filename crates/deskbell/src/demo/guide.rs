//! What the demo prints at start: where everything is and what to try. Must not know how it works.

use std::io::Write;
use std::path::Path;

use super::facts::Facts;

/// Prints the guide.
pub(super) fn print(facts: &Facts, data: &Path, robots: Robots) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{}", text(facts, data, robots))?;
    out.flush()?;
    Ok(())
}

/// Who plays the reps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Robots {
    /// Robots, until a phone of yours takes over.
    Play,
    /// Nobody but you.
    Rest,
}

fn text(facts: &Facts, data: &Path, robots: Robots) -> String {
    let Facts { sip, http, .. } = facts;
    let mut text = "Deskbell is ringing.\n\n".to_owned();
    for site in &facts.sites {
        text.push_str(&format!("  {:<12} {}\n", site.id, site.page));
    }
    text.push_str(&format!(
        "  presence     http://{http}/v1/sites/shop/presence\n  \
         console      http://{http}/console/ (user and password of a rep)\n  \
         wall         http://{http}/wall/ (erin, or the key {})\n  \
         SIP          {sip} (UDP and TCP)\n  \
         data         {}\n\n\
         Reps\n",
        facts.admin_key,
        data.display()
    ));
    text.push_str(&format!(
        "  {:<7} {:<11} {:<36} {}\n",
        "user", "password", "skills", "tiers"
    ));
    for rep in &facts.reps {
        let skills: Vec<String> = rep
            .skills
            .iter()
            .map(|(skill, level)| format!("{skill} {level}"))
            .collect();
        text.push_str(&format!(
            "  {:<7} {:<11} {:<36} {}\n",
            rep.user,
            rep.password,
            skills.join(", "),
            rep.tiers.join(", ")
        ));
    }
    text.push_str(&match robots {
        Robots::Play => "\nRobots play the reps and a few shoppers; a robot steps aside when a phone of yours registers or you sign in at the console.\n".to_owned(),
        Robots::Rest => "\nNo robots: the bell stays dark until a phone of yours publishes.\n".to_owned(),
    });
    let password = facts
        .reps
        .iter()
        .find(|rep| rep.user == "alice")
        .map_or("", |rep| rep.password.as_str());
    text.push_str(&format!(
        "\nTry\n  \
         1. Open http://{http}/ and ring the bell.\n  \
         2. Be Alice: in any softphone, user alice, password {password}, server {sip}, presence on.\n     \
            A phone that writes only to its contacts (baresip) adds sip:desk@{sip}.\n  \
         3. Watch the state change: curl -N http://{http}/v1/sites/shop/presence/events?skill=cameras\n\n\
         Ctrl-C stops.\n"
    ));
    text
}
