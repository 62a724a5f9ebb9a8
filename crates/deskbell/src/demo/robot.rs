//! Robots that play the demo's reps: each a real SIP phone that publishes, answers, goes away and comes
//! back, and steps aside when a phone of the user's registers or a console opens. Must not know the server's
//! insides, but for the registrar's table in which it looks for them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use helpdesk::RepId;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::facts::{Facts, RepFacts};
use super::words;
use crate::mood::{Mood, pidf};
use crate::phone::{Account, Incoming, Phone, Text};
use crate::random;
use crate::sip_service::Bindings;

/// How long registrations and publications last; they are refreshed at half of it.
const LIFETIME: Duration = Duration::from_secs(120);

/// How often a robot looks whether somebody else plays its rep.
const GLANCE: Duration = Duration::from_millis(500);

/// What a robot says at most in one conversation, so that two machines never talk for ever.
const LINES_PER_CONVERSATION: usize = 8;

/// Conversations a robot remembers; beyond it the memory is cleared.
const REMEMBERED: usize = 64;

/// Starts a robot for each rep.
pub(super) fn start(players: &mut JoinSet<()>, facts: &Facts, bindings: &Arc<Bindings>) {
    for (place, rep) in facts.reps.iter().enumerate() {
        let robot = Robot {
            rep: rep.clone(),
            account: Account {
                user: rep.user.clone(),
                password: rep.password.clone(),
                domain: facts.sip.to_string(),
                server: facts.sip,
            },
            bindings: bindings.clone(),
        };
        // One after the other, so that a page that is open from the start sees them come.
        let delay = Duration::from_millis(300 * (place as u64 + 1));
        players.spawn(async move {
            sleep(delay).await;
            robot.play().await;
        });
    }
}

struct Robot {
    rep: RepFacts,
    account: Account,
    bindings: Arc<Bindings>,
}

/// One turn at the phone.
struct Shift {
    phone: Phone,
    entity_tag: Option<String>,
    mood: Mood,
    lines_by_conversation: HashMap<String, usize>,
    /// What is to be said, when, and to whom; in no order.
    drafts: Vec<(Instant, String, String)>,
}

impl Robot {
    async fn play(self) {
        loop {
            if !self.is_played_by_somebody(None)
                && let Err(error) = self.work_a_shift().await
            {
                tracing::warn!(rep = %self.rep.user, "a robot's phone fell silent: {error:#}");
            }
            sleep(GLANCE * 4).await;
        }
    }

    /// Whether somebody is at the rep's console, or a phone other than the robot's own is registered.
    fn is_played_by_somebody(&self, own: Option<&str>) -> bool {
        let rep = RepId::new(&self.rep.user);
        let phones = self.bindings.phones(&rep, std::time::Instant::now());
        let is_others = |phone: &crate::sip_service::Binding| Some(phone.contact.as_ref()) != own;
        self.bindings.is_at_console(&rep) || phones.iter().any(is_others)
    }

    async fn work_a_shift(&self) -> anyhow::Result<()> {
        let (phone, mut incoming) = Phone::start(self.account.clone()).await?;
        phone.register(LIFETIME).await?;
        let mut shift = Shift {
            phone,
            entity_tag: None,
            mood: Mood::Free,
            lines_by_conversation: HashMap::new(),
            drafts: Vec::new(),
        };
        shift.publish(Mood::Free).await?;
        let worked = self.answer_until_replaced(&mut shift, &mut incoming).await;
        // The rep's own phone has the word now: the robot takes its publication and its contact back.
        shift.leave().await?;
        worked
    }

    async fn answer_until_replaced(
        &self,
        shift: &mut Shift,
        incoming: &mut mpsc::Receiver<Incoming>,
    ) -> anyhow::Result<()> {
        let mut mood_ends = Instant::now() + seconds_between(40, 90);
        let mut refresh = Instant::now() + LIFETIME / 2;
        loop {
            let next_draft = shift.drafts.iter().map(|(at, ..)| *at).min();
            let glance = Instant::now() + GLANCE;
            tokio::select! {
                message = incoming.recv() => match message {
                    Some(Incoming::Text(text)) => shift.hear(&self.rep, text),
                    Some(Incoming::Notify(_)) => {}
                    None => return Ok(()),
                },
                () = sleep_until(next_draft.unwrap_or(glance).min(glance)) => {}
            }
            if self.is_played_by_somebody(Some(shift.phone.contact())) {
                return Ok(());
            }
            shift.say_what_is_due().await?;
            let now = Instant::now();
            if now >= refresh {
                shift.phone.register(LIFETIME).await?;
                shift.refresh().await?;
                refresh = now + LIFETIME / 2;
            }
            if now >= mood_ends && shift.drafts.is_empty() {
                let (mood, lasts) = shift.next_mood();
                shift.publish(mood).await?;
                mood_ends = now + lasts;
            }
        }
    }
}

impl Shift {
    async fn publish(&mut self, mood: Mood) -> anyhow::Result<()> {
        self.mood = mood;
        let document = pidf(&self.phone.address_of_record(), mood);
        let tag = self.entity_tag.take();
        self.entity_tag = self
            .phone
            .publish(Some(document), tag.as_deref(), LIFETIME)
            .await?;
        Ok(())
    }

    async fn refresh(&mut self) -> anyhow::Result<()> {
        if let Some(tag) = self.entity_tag.take() {
            self.entity_tag = self.phone.publish(None, Some(&tag), LIFETIME).await?;
        }
        Ok(())
    }

    async fn leave(mut self) -> anyhow::Result<()> {
        if let Some(tag) = self.entity_tag.take() {
            self.phone.publish(None, Some(&tag), Duration::ZERO).await?;
        }
        self.phone.register(Duration::ZERO).await
    }

    /// Mostly free; now and then away, on the phone or gone for a little while.
    fn next_mood(&self) -> (Mood, Duration) {
        if self.mood != Mood::Free {
            return (Mood::Free, seconds_between(40, 90));
        }
        let mood = match below(3) {
            0 => Mood::OnThePhone,
            1 => Mood::Away,
            _ => Mood::Gone,
        };
        (mood, seconds_between(8, 20))
    }

    fn hear(&mut self, rep: &RepFacts, message: Text) {
        let is_offer = message.text.contains("/no to pass");
        if self.lines_by_conversation.len() >= REMEMBERED {
            self.lines_by_conversation.clear();
        }
        let lines = self
            .lines_by_conversation
            .entry(message.from.clone())
            .or_default();
        if is_offer {
            *lines = 0;
        }
        *lines += 1;
        if *lines > LINES_PER_CONVERSATION {
            return;
        }
        let at = Instant::now() + seconds_between(2, 5);
        let mut say = |at, text: &str| {
            self.drafts
                .push((at, message.from.clone(), text.to_owned()))
        };
        if is_offer {
            match below(6) {
                0 => say(at, "/no"),
                _ => say(at, &words::greeting(&capitalised(&rep.user))),
            }
        } else if words::is_thanks(&message.text) {
            say(at, words::FAREWELL);
            say(at + Duration::from_secs(2), "/end");
        } else if let Some(skill) = rep.skills.keys().nth(below(rep.skills.len())) {
            let answers = words::answers(skill);
            if let Some(answer) = answers.get(below(answers.len())) {
                say(at, answer);
            }
        }
    }

    async fn say_what_is_due(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.drafts)
            .into_iter()
            .partition(|(at, ..)| *at <= now);
        self.drafts = later;
        let mut due: Vec<(Instant, String, String)> = due;
        due.sort_by_key(|(at, ..)| *at);
        for (_, to, text) in due {
            // The conversation may be over by now; the next one is not.
            if let Err(error) = self.phone.message(&to, text).await {
                tracing::debug!("a robot was not heard: {error:#}");
            }
        }
        Ok(())
    }
}

fn capitalised(user: &str) -> String {
    let mut letters = user.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

/// A random number below `limit`; 0 when the system gives no randomness: a robot may be dull.
pub(super) fn below(limit: usize) -> usize {
    let number = random::bytes::<8>().map_or(0, u64::from_ne_bytes);
    let limit = limit.max(1) as u64;
    usize::try_from(number % limit).unwrap_or(0)
}

/// A random time of whole seconds, `least` to `most`.
pub(super) fn seconds_between(least: u64, most: u64) -> Duration {
    let spread = usize::try_from(most.saturating_sub(least)).unwrap_or(0) + 1;
    Duration::from_secs(least + below(spread) as u64)
}
