//! What a person should look at, in sentences with the next command: the end of `status`.

use super::Engine;
use crate::model::clock::ClockStanding;
use crate::model::enrolment::Approval;
use crate::model::row::Standing;
use crate::model::time::Timestamp;
use crate::model::view::Advice;
use std::time::Duration;

/// A certificate that ends within this long should have been renewed.
const CERTIFICATE_SOON: Duration = Duration::from_secs(86_400);
/// Clocks that differ by more are worth a look (safety.md 1.6).
const CLOCK_AHEAD_MS: i64 = 300_000;
/// Sentences of one kind; more are summed up.
const NAMES_SHOWN: usize = 3;

impl Engine {
    /// Everything that asks for a person, the most urgent first; nothing when all is well.
    pub(super) fn advice(&self, now: Timestamp) -> Vec<Advice> {
        let mut advice = Vec::new();
        self.advise_disk(&mut advice);
        self.advise_way(&mut advice);
        if self.recovers() {
            let sentence = "this server recovers: it grants nothing new until it has";
            advice.push(say(sentence, "lictree recovery show"));
        }
        self.advise_clock(&mut advice);
        self.advise_certificate(now, &mut advice);
        self.advise_ranges(now, &mut advice);
        if self.state.is_primary() {
            self.advise_servers(now, &mut advice);
            self.advise_invites(now, &mut advice);
        }
        self.advise_start(&mut advice);
        advice
    }

    fn advise_disk(&self, advice: &mut Vec<Advice>) {
        if let Some(short) = self.disk_short() {
            let sentence = format!("the disk is full, so nothing new is taken: {short}");
            advice.push(say(sentence, "lictree explain LT0513"));
        }
    }

    /// A server that was shut out hears that from its parent's refusal, which the doctor asks for;
    /// rarely the news comes first.
    fn advise_way(&self, advice: &mut Vec<Advice>) {
        let name = self.state.name();
        if self.state.trust.trust.is_denied(name, self.credentials.enrolment) {
            let sentence = "this server was removed from the tree: have a code made at the \
                            primary, and join in this folder";
            advice.push(say(sentence, format!("lictree server invite {name} --parent …")));
        } else if !self.reaches_primary() {
            let sentence = match self.links.parent() {
                Some(parent) => format!("{parent} is connected, but not to the primary"),
                None => "the parent is not connected; why, and how to come back if it refuses \
                         this server, says"
                    .to_string(),
            };
            advice.push(say(sentence, "lictree doctor"));
        }
    }

    fn advise_clock(&self, advice: &mut Vec<Advice>) {
        let sentence = match self.clock_standing() {
            ClockStanding::Right => "",
            ClockStanding::SetBack => "the clock here was set back; license time goes on",
            ClockStanding::SetForward => {
                "the clock here was set forward; license time does not follow it"
            }
        };
        if !sentence.is_empty() {
            advice.push(say(sentence, "lictree clock show"));
        }
        if self.clock_ahead_ms.is_some_and(|ahead| ahead.saturating_abs() > CLOCK_AHEAD_MS) {
            let sentence = "the clock here differs from the parent's".to_string();
            advice.push(say(sentence, "lictree doctor"));
        }
    }

    /// Its own; of those below tells `advise_servers`.
    fn advise_certificate(&self, now: Timestamp, advice: &mut Vec<Advice>) {
        let expires = self.credentials.expires;
        if expires > Timestamp(0) && expires < now {
            let name = self.state.name();
            let sentence = "the certificate here has ended: have a code made at the primary, and \
                            join in this folder";
            advice.push(say(sentence, format!("lictree server invite {name} --parent …")));
        }
    }

    fn advise_ranges(&self, now: Timestamp, advice: &mut Vec<Advice>) {
        let Ok(view) = self.ranges(now) else { return };
        for range in view.ranges {
            let (source, product) = (&range.source, &range.product);
            if range.shortage.0 > 0 {
                let sentence = format!("range {source} lacks {} of {product}", range.shortage);
                advice.push(say(sentence, format!("lictree range show {source}")));
            } else if range.remaining.0 == 0 && range.held.0 > 0 {
                let sentence = format!("range {source} has no {product} left");
                advice.push(say(sentence, format!("lictree range show {source}")));
            }
            if range.in_transit.0 > 0 {
                let sentence =
                    format!("{} {product} are on their way to {source}", range.in_transit);
                advice.push(say(sentence, format!("lictree server show {source}")));
            }
        }
    }

    fn advise_servers(&self, now: Timestamp, advice: &mut Vec<Advice>) {
        let members = self.state.met.values();
        let members = members.filter(|met| met.enrolment.standing == Standing::Member);
        let (mut offline, mut ending, mut twice) = (Vec::new(), Vec::new(), Vec::new());
        let (mut wrong, mut suspect, mut unlike) = (Vec::new(), Vec::new(), Vec::new());
        let mut recovering = Vec::new();
        for met in members {
            let name = met.name.as_str();
            if met.has_twin {
                twice.push(name);
            }
            if self.has_other_rows(&met.name) {
                unlike.push(name);
            }
            if !self.is_online(&met.name, now) {
                offline.push(name);
            }
            let Some(heard) = self.heard.get(&met.name) else { continue };
            if heard.presence.recovers {
                recovering.push(name);
            }
            let expires = heard.presence.credentials.expires;
            if expires > Timestamp(0) && expires.since(now) < CERTIFICATE_SOON {
                ending.push(name);
            }
            if heard.presence.standing != ClockStanding::Right {
                suspect.push(name);
            } else if heard.clock_ahead_ms().saturating_abs() > CLOCK_AHEAD_MS {
                wrong.push(name);
            }
        }
        say_names(&twice, "running twice", "lictree explain LT0234", advice);
        say_names(&recovering, "recovering", "lictree recovery show, there", advice);
        say_names(&unlike, "with rows here that it did not write", "lictree audit", advice);
        say_names(&offline, "not heard", "lictree server list", advice);
        say_names(&ending, "near the end of the certificate", "lictree cert list", advice);
        say_names(&suspect, "with a clock that was set wrong", "lictree server list", advice);
        say_names(&wrong, "with a clock that differs", "lictree server list", advice);
    }

    fn advise_invites(&self, now: Timestamp, advice: &mut Vec<Advice>) {
        let open = self.state.invites.values().filter(|invite| invite.expires > now);
        for invite in open.take(NAMES_SHOWN) {
            let waits = invite.approval == Approval::Awaited && invite.key.is_some();
            if waits && invite.certificate.is_none() {
                let sentence = format!("{} waits for approval", invite.name);
                advice.push(say(sentence, format!("lictree server approve {}", invite.name)));
            }
        }
    }

    fn advise_start(&self, advice: &mut Vec<Advice>) {
        if self.state.is_primary() && self.state.licenses.is_empty() {
            advice.push(say("no license is registered yet", "lictree license register FILE"));
        }
    }
}

fn say(sentence: impl Into<String>, command: impl Into<String>) -> Advice {
    Advice { sentence: sentence.into(), command: command.into() }
}

/// One sentence for servers of which the same is to be said.
fn say_names(names: &[&str], what: &str, command: &str, advice: &mut Vec<Advice>) {
    let shown = names.iter().take(NAMES_SHOWN).copied().collect::<Vec<&str>>().join(", ");
    let more = match names.len().saturating_sub(NAMES_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    if !names.is_empty() {
        let be = if names.len() == 1 { "is" } else { "are" };
        advice.push(say(format!("{shown}{more} {be} {what}"), command));
    }
}
