//! The shape of a simulated tree.

use crate::model::name::ServerName;
use crate::simulator::entropy::Entropy;

/// One server's place: its name and the place of its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: ServerName,
    /// `None` only at place 0, the primary. Always a place before this one.
    pub parent: Option<usize>,
}

/// A tree: place 0 is the primary, every other place names a parent before it. The last places may
/// be kept for servers that join later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    places: Vec<Place>,
    founders: usize,
}

/// The place of the primary.
pub const PRIMARY: usize = 0;

impl Topology {
    /// Servers a, b, c, …; `parents[i]` is the place of the parent of server i + 1.
    pub fn of_parents(parents: &[usize]) -> Topology {
        let place = |at: usize, parent: Option<usize>| Place { name: letter_name(at), parent };
        let below = parents.iter().enumerate();
        let mut places = vec![place(0, None)];
        places.extend(below.map(|(i, parent)| place(i + 1, Some((*parent).min(i)))));
        Topology { founders: places.len(), places }
    }

    /// Servers with names of their own, the primary first, each with the place of its parent, which
    /// is before its own. Nothing where this is no such tree.
    pub fn named(servers: Vec<(ServerName, usize)>) -> Option<Topology> {
        let parents_first = servers.iter().enumerate().skip(1).all(|(at, (_, up))| *up < at);
        let mut names: Vec<&ServerName> = servers.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let is_tree = parents_first && names.windows(2).all(|pair| pair[0] != pair[1]);
        let place = |(at, (name, up)): (usize, (ServerName, usize))| Place {
            name,
            parent: (at > 0).then_some(up),
        };
        let founders = servers.len();
        let places = servers.into_iter().enumerate().map(place).collect();
        (is_tree && founders > 0).then_some(Topology { places, founders })
    }

    /// One below the other.
    pub fn chain(servers: usize) -> Topology {
        Topology::of_parents(&(0..servers.saturating_sub(1)).collect::<Vec<_>>())
    }

    /// All relays directly below the primary.
    pub fn star(servers: usize) -> Topology {
        Topology::of_parents(&vec![PRIMARY; servers.saturating_sub(1)])
    }

    /// The tree of the worked example: a ─ b ─ d and a ─ c ─ e.
    pub fn worked_example() -> Topology {
        Topology::of_parents(&[0, 0, 1, 2])
    }

    /// Three to seven servers in one of four shapes.
    pub fn drawn(entropy: &mut Entropy) -> Topology {
        let servers = entropy.between(3, 7) as usize;
        match entropy.below(4) {
            0 => Topology::chain(servers.min(6)),
            1 => Topology::star(servers),
            2 => Topology::worked_example(),
            _ => {
                let parents = (0..servers - 1).map(|i| entropy.index(i + 1)).collect::<Vec<_>>();
                Topology::of_parents(&parents)
            }
        }
    }

    /// Keeps so many more places, each below some place before it, for servers that join later.
    pub fn with_room(mut self, more: usize, entropy: &mut Entropy) -> Topology {
        for at in self.len()..self.len() + more {
            let parent = Some(entropy.index(at));
            let name = self.free_name(at);
            self.places.push(Place { name, parent });
        }
        self
    }

    fn free_name(&self, at: usize) -> ServerName {
        let later = |number| format!("later-{number}").parse().expect("it is a plain name");
        let mut names = std::iter::once(letter_name(at)).chain((at..).map(later));
        let free = names.find(|name| self.place_of(name).is_none());
        free.expect("there are more names than servers")
    }

    /// The servers at the places before this one are there from the beginning.
    pub fn founders(&self) -> usize {
        self.founders
    }

    pub fn places(&self) -> &[Place] {
        &self.places
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn name(&self, place: usize) -> &ServerName {
        &self.places[place].name
    }

    pub fn parent(&self, place: usize) -> Option<usize> {
        self.places[place].parent
    }

    /// The server there hangs below another one from now on, whose place is before its own.
    pub fn move_below(&mut self, place: usize, parent: usize) {
        assert!(parent < place, "places stay behind those of their parents");
        self.places[place].parent = Some(parent);
    }

    /// How many steps it is from a place to the primary.
    pub fn steps(&self, place: usize) -> u64 {
        std::iter::successors(self.parent(place), |up| self.parent(*up)).count() as u64
    }

    pub fn place_of(&self, name: &ServerName) -> Option<usize> {
        self.places.iter().position(|place| place.name == *name)
    }

    /// `a ─ b, a ─ c`: for people who read a failure.
    pub fn drawing(&self) -> String {
        let edge = |(at, place): (usize, &Place)| {
            let later = if at < self.founders { "" } else { " later" };
            let parent = self.places[place.parent?].name.clone();
            Some(format!("{parent} ─ {}{later}", place.name))
        };
        self.places.iter().enumerate().filter_map(edge).collect::<Vec<_>>().join(", ")
    }
}

/// a … z, then a1 …: always a plain name.
fn letter_name(place: usize) -> ServerName {
    let letter = char::from(b'a' + (place % 26) as u8);
    let text = match place / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    };
    text.parse().expect("a letter and digits are a plain name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_tree_has_its_parents_first() {
        for seed in 0..200 {
            let tree = Topology::drawn(&mut Entropy::new(seed));
            assert!((3..=7).contains(&tree.len()), "{}", tree.drawing());
            for place in 1..tree.len() {
                assert!(tree.parent(place).is_some_and(|parent| parent < place));
            }
        }
        assert_eq!(Topology::worked_example().drawing(), "a ─ b, a ─ c, b ─ d, c ─ e");
    }

    #[test]
    fn a_tree_with_names_of_its_own_keeps_them() {
        let named = |servers: &[(&str, usize)]| {
            let server = |(name, up): &(&str, usize)| (name.parse().unwrap(), *up);
            Topology::named(servers.iter().map(server).collect())
        };
        let tree = named(&[("hq", 0), ("d", 0), ("later-3", 1)]).unwrap();
        assert_eq!(tree.drawing(), "hq ─ d, d ─ later-3");
        let tree = tree.with_room(2, &mut Entropy::new(1));
        assert_eq!((tree.name(3).as_str(), tree.name(4).as_str()), ("later-4", "e"));
        assert_eq!((tree.founders(), tree.len()), (3, 5));
        assert_eq!(named(&[]), None);
        assert_eq!(named(&[("hq", 0), ("d", 1)]), None);
        assert_eq!(named(&[("hq", 0), ("hq", 0)]), None);
    }
}
