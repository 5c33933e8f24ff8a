//! A server's state as it comes: too much to be kept before it is used.

use crate::client::call::{Answer, Method};
use crate::client::{Client, ClientError};
use http_body_util::BodyExt;

/// Why a backup did not come whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupFailed<E> {
    Client(ClientError),
    /// Whoever took it did not want more.
    Taker(E),
}

impl<E> From<ClientError> for BackupFailed<E> {
    fn from(error: ClientError) -> BackupFailed<E> {
        BackupFailed::Client(error)
    }
}

impl Client {
    /// Gives the server's share of a backup (head and rows, as its format has them) to `take`, in
    /// pieces of any length. After an `Ok` it was whole. Each piece must come within
    /// `ClientLimits::deadline`, and all together have at most `backup_bytes_max`.
    pub async fn backup<E>(
        &self,
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), BackupFailed<E>> {
        let within = self.limits.deadline;
        let sent = self.send(Method::Post, "/v1/backup", Vec::new());
        let sent = tokio::time::timeout(within, sent).await;
        let Answer { response, _connection } = sent.map_err(|_| self.late(within))??;
        let status = response.status();
        if !status.is_success() {
            let whole = tokio::time::timeout(within, self.body_of(response)).await;
            let bytes = whole.map_err(|_| self.late(within))??;
            return Err(self.told(status, &bytes).into());
        }
        let (mut body, mut came) = (response.into_body(), 0_u64);
        loop {
            let next = tokio::time::timeout(within, body.frame()).await;
            let Some(frame) = next.map_err(|_| self.late(within))? else { return Ok(()) };
            let frame = frame.map_err(|error| self.broken(error.to_string()))?;
            let Some(bytes) = frame.data_ref() else { continue };
            came += bytes.len() as u64;
            if came > self.limits.backup_bytes_max {
                let most = self.limits.backup_bytes_max;
                return Err(self.unreadable(format!("it has more than {most} bytes")).into());
            }
            take(bytes).map_err(BackupFailed::Taker)?;
        }
    }
}
