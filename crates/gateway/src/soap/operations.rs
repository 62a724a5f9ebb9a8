//! What each operation does: the same as its REST twin. Must not know how an envelope is written.

use helpdesk::SkillId;
use http::request::Parts;

use super::documents;
use super::envelope::{NAMESPACE, Node};
use super::fault::Fault;
use super::parameters::Parameters;
use crate::admin::MayRead;
use crate::authorised::Right;
use crate::desk::{Command, TicketKey};
use crate::face::Face;
use crate::key;
use crate::problem::Problem;
use crate::report::Report;
use crate::routes::tickets::{Click, Opened, open};
use crate::selection::{Selection, SelectionQuery};
use crate::wire::ask::AskBody;

/// Does what the element asks; the answer is the element of its response.
pub(super) async fn perform(node: &Node, face: &Face, parts: &mut Parts) -> Result<String, Fault> {
    if node.namespace != NAMESPACE {
        return Err(Fault::sender(format!(
            "Elements of the Body are of the namespace {NAMESPACE}."
        )));
    }
    match node.name.as_str() {
        "GetGroupPresence" => group_presence(node, face),
        "GetRepresentatives" => representatives(node, face, parts).await,
        "RequestHelp" => request_help(node, face, parts).await,
        "GetTicket" => {
            let key = ticket_key(node)?;
            let view = face.desk.call(|answer| Command::View { key, answer }).await;
            let view = view
                .map_err(Problem::from)?
                .ok_or_else(Problem::no_ticket)?;
            Ok(documents::ticket("GetTicketResponse", &view, None))
        }
        "CancelTicket" => {
            let key = ticket_key(node)?;
            let view = face.desk.call(|answer| Command::End { key, answer }).await;
            let view = view
                .map_err(Problem::from)?
                .ok_or_else(Problem::no_ticket)?;
            Ok(documents::ticket("CancelTicketResponse", &view, None))
        }
        name => Err(Fault::sender(format!(
            "There is no operation {name}; /soap?wsdl lists them."
        ))),
    }
}

fn group_presence(node: &Node, face: &Face) -> Result<String, Fault> {
    let parameters = Parameters::read(node, &["site", "skill", "tier"], &[])?;
    let query = SelectionQuery::new(parameters.optional("skill"), parameters.optional("tier"));
    let selection = Selection::new(&parameters.required("site")?, &query, &face.config())?;
    let snapshot = face.desk.snapshot();
    let groups = selection.groups(&snapshot);
    Ok(documents::presence(
        "GetGroupPresenceResponse",
        &selection.site,
        &snapshot,
        groups,
    ))
}

async fn representatives(node: &Node, face: &Face, parts: &mut Parts) -> Result<String, Fault> {
    MayRead::prove(parts, face).await?;
    let parameters = Parameters::read(node, &["skill"], &[])?;
    let skill = parameters
        .optional("skill")
        .map(|skill| SkillId::new(&skill));
    let reps = face
        .desk
        .call(|answer| Command::Report(Report::Reps(answer)))
        .await
        .map_err(Problem::from)?;
    let able = reps.iter().filter(|rep| {
        skill
            .as_ref()
            .is_none_or(|wanted| rep.skills.iter().any(|(skill, _)| skill == wanted))
    });
    Ok(documents::representatives(
        "GetRepresentativesResponse",
        able,
    ))
}

async fn request_help(node: &Node, face: &Face, parts: &Parts) -> Result<String, Fault> {
    let known = [
        "site", "skill", "rep", "name", "phone", "message", "page", "lang", "email", "identity",
    ];
    let parameters = Parameters::read(node, &known, &["skill"])?;
    let identity = parameters.optional("identity");
    let body = AskBody {
        rep: parameters.optional("rep"),
        name: parameters.optional("name"),
        phone: parameters.optional("phone"),
        message: parameters.optional("message"),
        page: parameters.optional("page"),
        lang: parameters.optional("lang"),
        email: parameters.optional("email"),
        ..AskBody::for_skills(parameters.all("skill"))
    };
    let click = Click {
        site: &parameters.required("site")?,
        identity: identity.as_deref().or_else(|| key::bearer(&parts.headers)),
        body,
    };
    // A program has no cookies: nobody is remembered.
    let Opened { view, token, .. } = open(face, click, parts).await?;
    Ok(documents::ticket(
        "RequestHelpResponse",
        &view,
        Some(&token),
    ))
}

fn ticket_key(node: &Node) -> Result<TicketKey, Fault> {
    let parameters = Parameters::read(node, &["id", "token"], &[])?;
    let (id, token) = (parameters.required("id")?, parameters.required("token")?);
    Ok(key::new(&id, &token).ok_or_else(Problem::no_ticket)?)
}
