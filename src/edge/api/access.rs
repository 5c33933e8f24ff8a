//! Who may use the socket: its owner, root, and one group of this machine.
//!
//! ```text
//!   connection ──► kernel: may it open lictree.sock? ──► peer credentials ──► admitted
//!                    no: refused there                        └── others: 403, whatever they ask
//! ```
//!
//! The rights of the file are the first check, the credentials the second: a file whose rights
//! somebody loosened still lets no stranger in. Whether a user belongs to the group is asked of the
//! machine's user database at each connection, so a change holds at once; where the database does
//! not answer in time, the answer is no.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::UCred;
use tokio::sync::Semaphore;

/// How long the machine's user database may take.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(5);
/// Look-ups at once. A database that hangs must not take all threads that may wait.
const LOOK_UPS_MAX: usize = 1;

/// The rights of the socket for its group, and for its owner alone.
const FOR_GROUP: u32 = 0o660;
/// What the group needs of the folder: to pass, not to look.
const PASS: u32 = 0o010;

/// A group of this machine whose members may use the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketGroup {
    /// As the configuration names it.
    pub name: String,
    pub gid: u32,
}

impl SocketGroup {
    /// The group of this name, or of this number, which need not be listed; nothing when there is
    /// none.
    pub fn find(name: &str) -> Option<SocketGroup> {
        let listed = || Some(uzers::get_group_by_name(name)?.gid());
        let gid = name.parse().ok().or_else(listed)?;
        // The system takes the last number for none at all.
        (gid != u32::MAX).then_some(())?;
        Some(SocketGroup { name: name.to_string(), gid })
    }
}

/// The group cannot be given the socket.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot give {path} to the group {group}: {why}; the user that runs the server must own it and \
     be a member of the group"
)]
pub struct GroupRefused {
    path: String,
    group: String,
    why: io::Error,
}

/// Whom the socket admits.
#[derive(Clone)]
pub struct Access {
    owner: u32,
    group: Option<SocketGroup>,
    look_ups: Arc<Semaphore>,
}

impl Access {
    /// The user of this process, root, and the members of `group`.
    pub fn new(group: Option<SocketGroup>) -> Access {
        let owner = rustix::process::geteuid().as_raw();
        Access { owner, group, look_ups: Arc::new(Semaphore::new(LOOK_UPS_MAX)) }
    }

    /// Gives a bound socket (0600) the rights for its group, and lets the group pass its folder.
    pub(super) fn open_to_group(&self, socket: &Path) -> Result<(), GroupRefused> {
        let Some(group) = &self.group else { return Ok(()) };
        let refused = |path: &Path| {
            let (path, group) = (path.display().to_string(), group.name.clone());
            move |why| GroupRefused { path, group, why }
        };
        // The group first: between the two steps nobody new may come in.
        chown(socket, None, Some(group.gid))
            .and_then(|()| std::fs::set_permissions(socket, Permissions::from_mode(FOR_GROUP)))
            .map_err(refused(socket))?;
        let folder = socket.parent().unwrap_or(Path::new("/"));
        let_pass(folder, group.gid).map_err(refused(folder))
    }

    /// Whether this peer may use the socket.
    pub(super) async fn admits(&self, peer: UCred) -> bool {
        let (uid, gid) = (peer.uid(), peer.gid());
        if uid == self.owner || uid == 0 {
            return true;
        }
        match &self.group {
            None => false,
            Some(group) => group.gid == gid || self.is_listed(uid, group.gid).await,
        }
    }

    /// Whether the machine's database lists the user as a member.
    async fn is_listed(&self, uid: u32, gid: u32) -> bool {
        let look_ups = self.look_ups.clone();
        let looked = async {
            let place = look_ups.acquire_owned().await.ok()?;
            let look = move || {
                let listed = groups_of(uid).contains(&gid);
                drop(place);
                listed
            };
            tokio::task::spawn_blocking(look).await.ok()
        };
        tokio::time::timeout(LOOK_UP_WITHIN, looked).await.ok().flatten().unwrap_or(false)
    }
}

/// The groups that the machine's database lists for a user, its own among them.
fn groups_of(uid: u32) -> Vec<u32> {
    let groups = uzers::get_user_by_uid(uid).and_then(|user| user.groups());
    groups.unwrap_or_default().iter().map(uzers::Group::gid).collect()
}

/// Lets members of the group through a folder; what others may do there stays as it is.
fn let_pass(folder: &Path, gid: u32) -> io::Result<()> {
    let found = std::fs::metadata(folder)?;
    let mode = found.mode() & 0o7777;
    let passes = found.gid() == gid && mode & PASS != 0;
    // Through a folder that all may pass, the group may too, unless it is the folder's own.
    if passes || (found.gid() != gid && mode & 0o001 != 0) {
        return Ok(());
    }
    if found.gid() != gid {
        // What the folder's group so far could do is not for the new one.
        std::fs::set_permissions(folder, Permissions::from_mode(mode & !0o070))?;
        chown(folder, None, Some(gid))?;
        return std::fs::set_permissions(folder, Permissions::from_mode(mode & !0o070 | PASS));
    }
    std::fs::set_permissions(folder, Permissions::from_mode(mode | PASS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().mode() & 0o777
    }

    fn own_group() -> SocketGroup {
        let gid = rustix::process::getegid().as_raw();
        SocketGroup::find(&gid.to_string()).unwrap()
    }

    #[test]
    fn a_group_is_found_by_name_and_by_number() {
        let zero = uzers::get_group_by_gid(0).unwrap();
        let name = zero.name().to_str().unwrap();
        assert_eq!(SocketGroup::find(name).unwrap().gid, 0);
        assert_eq!(SocketGroup::find("54321").unwrap().gid, 54_321);
        assert_eq!(SocketGroup::find("no such group, surely"), None);
        assert_eq!(SocketGroup::find("-1"), None);
        assert_eq!(SocketGroup::find("4294967295"), None);
    }

    #[test]
    fn the_database_lists_the_groups_of_a_user() {
        let root = uzers::get_user_by_uid(0).unwrap();
        assert!(groups_of(0).contains(&root.primary_group_id()));
        assert!(groups_of(u32::MAX - 7).is_empty());
    }

    #[test]
    fn the_socket_is_for_the_group_and_the_folder_lets_it_pass_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        let socket = folder.path().join("s");
        std::fs::write(&socket, "").unwrap();
        std::fs::set_permissions(&socket, Permissions::from_mode(0o600)).unwrap();
        Access::new(None).open_to_group(&socket).unwrap();
        assert_eq!((mode(&socket), mode(folder.path())), (0o600, 0o700));
        Access::new(Some(own_group())).open_to_group(&socket).unwrap();
        assert_eq!((mode(&socket), mode(folder.path())), (0o660, 0o710));
        let gone = folder.path().join("gone");
        let refused = Access::new(Some(own_group())).open_to_group(&gone).unwrap_err();
        assert!(refused.to_string().contains("gone to the group"), "{refused}");
    }

    #[tokio::test]
    async fn whoever_owns_the_process_is_admitted() {
        let (one, _other) = tokio::net::UnixStream::pair().unwrap();
        let peer = one.peer_cred().unwrap();
        assert!(Access::new(None).admits(peer).await);
        let (look_ups, stranger) = (Arc::new(Semaphore::new(1)), peer.uid() != 0);
        let other = |group| Access { owner: u32::MAX - 7, group, look_ups: look_ups.clone() };
        assert_eq!(other(None).admits(peer).await, !stranger);
        assert!(other(Some(own_group())).admits(peer).await);
        let listed = other(None).is_listed(u32::MAX - 7, 0).await;
        assert!(!listed);
    }
}
