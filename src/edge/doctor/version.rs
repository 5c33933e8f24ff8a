//! Whether the versions fit: of this program, of the running server, of its parent.

use crate::edge::doctor::{About, Finding};
use crate::edge::serve::software;
use crate::model::view::StatusView;
use crate::wire::{Hello, agree};

pub(super) fn look(status: Option<&StatusView>, parent: Option<&Hello>) -> Finding {
    judge(software(), status.map(|status| status.software.as_str()), parent)
}

fn judge(own: &str, running: Option<&str>, parent: Option<&Hello>) -> Finding {
    let about = About::Version;
    if let Some(parent) = parent {
        // Names and the draw of a start do not matter to what two versions can say.
        let (tree, name) = (parent.tree.clone(), parent.name.clone());
        if let Err(error) = agree(&Hello::of(tree, name, 0, own.to_string()), parent) {
            return Finding::bad(about, error.to_string(), "update the older one of the two");
        }
    }
    let above = parent
        .map_or(String::new(), |parent| format!("; {} runs {}", parent.name, parent.software));
    match running {
        Some(running) if running != own => {
            let text = format!("this is {own}, the server runs {running}{above}");
            Finding::warning(about, text, "restart the server: `systemctl restart lictree`")
        }
        Some(_) => Finding::ok(about, format!("{own}, as the running server{above}")),
        None => Finding::ok(about, format!("{own}{above}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::doctor::State;

    #[test]
    fn versions_fit_or_the_older_one_is_told() {
        let hello = Hello::of(
            "acme".parse().unwrap(),
            "hq".parse().unwrap(),
            1,
            "lictree 0.1.9".to_string(),
        );
        let well = judge("lictree 0.1.0", Some("lictree 0.1.0"), Some(&hello));
        assert_eq!(well.state, State::Ok);
        assert!(well.text.ends_with("hq runs lictree 0.1.9"), "{}", well.text);
        let old = judge("lictree 0.1.0", Some("lictree 0.0.9"), None);
        assert_eq!(old.state, State::Warning);
        let newer = Hello { protocol_min: 9, protocol_max: 9, ..hello };
        let torn = judge("lictree 0.1.0", None, Some(&newer));
        assert_eq!(torn.state, State::Bad);
        assert!(torn.text.contains("lictree 0.1.9"), "{}", torn.text);
    }
}
