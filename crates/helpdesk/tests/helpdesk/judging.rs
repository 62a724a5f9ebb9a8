//! Holds a watched helpdesk against the naive account: who may be asked, who may not idle, what everybody was told.
//! Must not use the machine's own routing to judge it.

use helpdesk::{Level, Outcome, Prefer, RepId, SkillId, Standing, TicketId, TicketState};
use presence::Availability;

use crate::account::{Account, Stage};
use crate::watched::Watched;

impl Watched {
    /// Each seat that looks otherwise than before is named.
    pub(crate) fn check_seats(&mut self) {
        let named = self.desk.take_changed_seats();
        for rep in self.reps.keys() {
            let view = self.desk.seat_view(rep).unwrap();
            let is_news = self.seats.get(rep) != Some(&view);
            assert!(!is_news || named.contains(rep), "in silence: {view:?}");
            self.seats.insert(rep.clone(), view);
        }
    }

    pub(crate) fn check_may_be_asked(&self, rep: &RepId, ticket: &TicketId) {
        let hands = &self.reps[rep];
        let account = &self.tickets[ticket];
        assert_eq!(hands.availability, Availability::Available);
        assert!(hands.doubted_until.is_none_or(|until| until <= self.now));
        assert!(hands.paused_until.is_none_or(|until| until <= self.now));
        assert_eq!(hands.calls, 0, "{rep} is on a call");
        assert!(account.may_ask_again(rep, self.now), "{rep} asked too soon");
        let named = account.kept_until.is_some();
        let relaxed = !self.config.routing.relax.is_empty();
        assert!(named || relaxed || self.fits(rep, account));
    }

    /// An offer was decided, and the decision says so.
    pub(crate) fn check_decided(&self, rep: &RepId, ticket: &TicketId) {
        let decisions: Vec<_> = self.desk.decisions(ticket).collect();
        let decided = decisions.iter().rev().find(|decision| {
            decision.outcome == Outcome::Offered(rep.clone())
                && decision.at_unix_ms == self.unix_ms()
        });
        let decided = decided.unwrap_or_else(|| panic!("{ticket} to {rep}: {decisions:?}"));
        let first = &decided.candidates[0];
        assert_eq!((&first.rep, first.standing), (rep, Standing::Ready));
        let named: usize = decided
            .others
            .iter()
            .map(|(_, count)| *count as usize)
            .sum();
        assert_eq!(decided.candidates.len() + named, self.config.reps.len());
        assert!(decided.reasons().iter().all(|reason| reason.ends_with('.')));
    }

    /// No rep who could take a ticket sits idle while it waits.
    pub(crate) fn check_nobody_idles(&self) {
        for (ticket, account) in &self.tickets {
            let kept = account.kept_until.is_some_and(|until| until > self.now);
            if account.stage != Stage::Waiting || kept {
                continue;
            }
            for (rep, hands) in &self.reps {
                let certain = [hands.doubted_until, hands.perhaps_doubted_until]
                    .into_iter()
                    .flatten()
                    .all(|until| until <= self.now);
                let resting = hands.rests.iter().filter(|&&end| end > self.now).count();
                let idle = certain
                    && hands.paused_until.is_none_or(|until| until <= self.now)
                    && hands.calls == 0
                    && self.is_good_enough(rep, account)
                    && hands.availability == Availability::Available
                    && hands.in_hand.len() + resting < self.capacity(rep)
                    && account.handed_on_by.as_ref() != Some(rep)
                    && account.may_ask_again(rep, self.now)
                    && self.fits(rep, account);
                assert!(!idle, "{rep} idles while {ticket} waits");
            }
        }
    }

    /// What the machine says of a ticket is what its shopper was told and what the account says.
    pub(crate) fn check_views(&self) {
        for (id, account) in &self.tickets {
            let Some(view) = self.desk.ticket(id) else {
                assert_eq!(account.stage, Stage::Ended, "{id} is lost");
                continue;
            };
            assert_eq!(account.told.as_ref(), Some(&view));
            let expected = match account.stage {
                Stage::Waiting => vec![TicketState::Queued],
                Stage::Offered(_) => vec![TicketState::Offered],
                Stage::Open(_) => vec![TicketState::Open],
                Stage::Ended => vec![TicketState::Closed, TicketState::Abandoned],
            };
            assert!(expected.contains(&view.state));
            assert_eq!(view.position.is_some(), view.state == TicketState::Queued);
        }
        assert_eq!(self.desk.snapshot().version, self.version);
    }

    fn fits(&self, rep: &RepId, account: &Account) -> bool {
        let rep = self.config.reps.iter().find(|r| r.id == *rep).unwrap();
        let least = |skill: &SkillId| {
            let mut asked = account.wishes.least_levels.iter();
            asked.find(|(of, _)| of == skill).map(|(_, level)| *level)
        };
        let has = |skill: &SkillId| {
            let mut skills = rep.skills.iter();
            let level = skills
                .find(|(known, _)| known == skill)
                .map(|(_, level)| *level);
            level.is_some_and(|level| least(skill).is_none_or(|least| level >= least))
        };
        let serves = rep
            .tiers
            .as_ref()
            .is_none_or(|tiers| tiers.contains(&account.tier));
        serves && account.skills.iter().all(has)
    }

    /// With rules about levels a ticket may hold out for a better rep; the best never idles.
    fn is_good_enough(&self, rep: &RepId, account: &Account) -> bool {
        let has_levels = self
            .config
            .routing
            .relax
            .iter()
            .any(|rule| rule.min_level.is_some());
        let first_will_do = account.wishes.prefer == Some(Prefer::First);
        if !has_levels || first_will_do {
            return true;
        }
        let fitting = self.reps.keys().filter(|rep| self.fits(rep, account));
        let best = fitting.map(|rep| self.level(rep, &account.skills[0])).max();
        Some(self.level(rep, &account.skills[0])) == best
    }

    fn level(&self, rep: &RepId, skill: &SkillId) -> Option<Level> {
        let rep = self.config.reps.iter().find(|r| r.id == *rep).unwrap();
        let (_, level) = rep.skills.iter().find(|(known, _)| known == skill)?;
        Some(*level)
    }
}
