//! What receivers of notifications keep secret: passwords, tokens, addresses that give access.
//!
//! Settings carry a mask in the place of each, so that no answer, row, log line or export can show one. The secrets
//! themselves are here: those that were saved on the page or by the API in a file of the owner's, those of the
//! configuration file and the environment in memory only. Each is kept for the destination that it was given for: whoever
//! changes where a receiver leads has to know its secret.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use netloom_core::{
    settings::{
        FieldError, Settings, at_mut,
        notify::{MASK, Receiver, Secret},
    },
    uplink::hex,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{private, store::StoreError};

/// The name of the file in the data folder.
const FILE: &str = "notify.secrets";

/// A secret, and where it may be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    secret: String,
    destination: String,
}

/// Secrets by the id of their receiver.
type Known = BTreeMap<String, Kept>;

/// The owner of the secrets.
pub struct Secrets {
    file: PathBuf,
    /// Of the configuration file and the environment.
    given: RwLock<Known>,
    /// Saved while the hub ran; they come first.
    saved: RwLock<Known>,
}

/// Secrets as they will be once the settings that they belong to are saved.
pub struct Staged(Known);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").finish_non_exhaustive()
    }
}

impl Secrets {
    /// Reads what was saved in a data folder.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let file = data_dir.join(FILE);
        let unusable = |why: String| StoreError::Unusable(format!("cannot read {}: {why}", file.display()));
        let saved = match std::fs::read(&file) {
            Ok(content) => serde_json::from_slice(&content).map_err(|_| unusable("it is damaged".into()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Known::new(),
            Err(error) => return Err(unusable(error.to_string())),
        };
        Ok(Self { file, given: RwLock::default(), saved: RwLock::new(saved) })
    }

    /// Takes the secrets out of the settings of the configuration file, and puts masks in their place.
    pub fn take_given_by_file(&self, file: &mut Settings) {
        self.take_each(&mut file.notify.receivers);
    }

    /// Takes the secrets out of a document of settings that flags or the environment hold, and puts masks in their place.
    pub fn take_given(&self, mut document: Value) -> Value {
        if netloom_core::settings::at(&document, "notify.receivers").is_some() {
            let place = at_mut(&mut document, "notify.receivers");
            // What cannot be read was refused before.
            if let Ok(mut receivers) = serde_json::from_value::<Vec<Receiver>>(place.clone()) {
                self.take_each(&mut receivers);
                *place = serde_json::to_value(receivers).unwrap_or_default();
            }
        }
        document
    }

    fn take_each(&self, receivers: &mut [Receiver]) {
        let mut given = self.given.write().unwrap_or_else(PoisonError::into_inner);
        for receiver in receivers {
            if receiver.id.is_empty() {
                // The same at every start, as long as the name is.
                receiver.id = format!("f{}", hex(&private::sha256(receiver.name.as_bytes())[..6]));
            }
            if !receiver.secret.is_empty() && !receiver.secret.is_mask() {
                given.insert(receiver.id.clone(), kept(receiver));
                receiver.secret = Secret::mask();
            }
        }
    }

    /// Takes the secrets out of settings that are about to be saved, and puts masks in their place; gives ids to new
    /// receivers. Nothing is kept yet.
    ///
    /// # Errors
    /// The fields with a mask for which there is no secret.
    pub fn stage(&self, current: &Settings, wanted: &mut Settings) -> Result<Staged, Vec<FieldError>> {
        Self::give_ids(current, &mut wanted.notify.receivers);
        let saved = self.saved.read().unwrap_or_else(PoisonError::into_inner);
        let (mut staged, mut errors) = (Known::new(), Vec::new());
        for (index, receiver) in wanted.notify.receivers.iter_mut().enumerate() {
            if receiver.secret.is_mask() {
                // A secret that was lost must not stand in the way of everything else.
                let is_as_before = current.notify.receivers.contains(receiver);
                if let Err(why) = self.of(receiver)
                    && !is_as_before
                {
                    errors.push(FieldError::new(format!("notify.receivers[{index}].secret"), why));
                }
                staged.extend(saved.get(&receiver.id).map(|kept| (receiver.id.clone(), kept.clone())));
            } else if !receiver.secret.is_empty() {
                staged.insert(receiver.id.clone(), kept(receiver));
                receiver.secret = Secret::mask();
            }
        }
        if errors.is_empty() { Ok(Staged(staged)) } else { Err(errors) }
    }

    /// Whether keeping these would change anything. Settings with masks look the same when only a secret was replaced.
    pub fn is_news(&self, Staged(staged): &Staged) -> bool {
        *self.saved.read().unwrap_or_else(PoisonError::into_inner) != *staged
    }

    /// A receiver without an id is the one that has its name now, or a new one.
    fn give_ids(current: &Settings, receivers: &mut [Receiver]) {
        for index in 0..receivers.len() {
            if !receivers[index].id.is_empty() {
                continue;
            }
            let known = current.notify.receivers.iter().find(|known| known.name == receivers[index].name);
            let known = known.map(|known| known.id.clone());
            let is_free = |id: &String| receivers.iter().all(|other| other.id != *id);
            let new = || format!("r{:012x}", fastrand::u64(..1 << 48));
            receivers[index].id = known.filter(is_free).unwrap_or_else(new);
        }
    }

    /// Keeps the secrets together with the settings that they belong to, which `save` saves: both or neither.
    ///
    /// # Errors
    /// When one of them cannot be kept.
    pub async fn keep(
        &self,
        Staged(staged): Staged,
        save: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let before = self.saved.read().unwrap_or_else(PoisonError::into_inner).clone();
        if before == staged {
            return save.await;
        }
        self.write(&staged).await?;
        if let Err(error) = save.await {
            self.write(&before).await?;
            return Err(error);
        }
        *self.saved.write().unwrap_or_else(PoisonError::into_inner) = staged;
        Ok(())
    }

    async fn write(&self, known: &Known) -> Result<(), StoreError> {
        let content = serde_json::to_vec(known).map_err(io::Error::other);
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || private::write(&file, &content?));
        let written = written.await.map_err(io::Error::other).flatten();
        written.map_err(|error| StoreError::Unusable(format!("cannot write {}: {error}", self.file.display())))
    }

    /// The secret of a receiver, empty when it has none.
    ///
    /// # Errors
    /// One sentence, when it has one that is not known here, or was given for another destination.
    pub fn of(&self, receiver: &Receiver) -> Result<String, &'static str> {
        if !receiver.secret.is_mask() {
            return Ok(receiver.secret.0.clone());
        }
        let (saved, given) = (self.saved.read(), self.given.read());
        let (saved, given) =
            (saved.unwrap_or_else(PoisonError::into_inner), given.unwrap_or_else(PoisonError::into_inner));
        let kept = saved.get(&receiver.id).or_else(|| given.get(&receiver.id));
        match kept {
            Some(kept) if kept.destination == receiver.destination() => Ok(kept.secret.clone()),
            Some(_) => Err("was given for another destination: type it again"),
            None => Err("is not known here: type it again"),
        }
    }

    /// A text without any of a receiver's secret, for logs.
    pub fn without(secret: &str, text: &str) -> String {
        if secret.is_empty() { text.to_owned() } else { text.replace(secret, MASK) }
    }
}

fn kept(receiver: &Receiver) -> Kept {
    Kept { secret: receiver.secret.0.clone(), destination: receiver.destination() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(receivers: &[Receiver]) -> Settings {
        let mut settings = Settings::default();
        settings.notify.receivers = receivers.to_vec();
        settings
    }

    fn receiver(name: &str, secret: &str) -> Receiver {
        Receiver {
            name: name.into(),
            url: "https://a.example".into(),
            secret: Secret(secret.into()),
            ..Receiver::default()
        }
    }

    async fn save(secrets: &Secrets, current: &Settings, mut wanted: Settings) -> Result<Settings, Vec<FieldError>> {
        let staged = secrets.stage(current, &mut wanted)?;
        secrets.keep(staged, async { Ok(()) }).await.expect("is kept");
        Ok(wanted)
    }

    #[tokio::test]
    async fn a_secret_follows_its_receiver_and_goes_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::open(folder.path()).expect("opens");
        let nothing = Settings::default();
        let first =
            save(&secrets, &nothing, settings(&[receiver("a", "hunter2"), receiver("b", "")])).await.expect("saved");
        assert_eq!(first.notify.receivers[0].secret, Secret::mask());
        assert!(first.notify.receivers[1].secret.is_empty());
        // It is renamed, and another process opens the folder.
        let mut renamed = first.clone();
        renamed.notify.receivers[0].name = "c".into();
        let renamed = save(&secrets, &first, renamed).await.expect("saved");
        let again = Secrets::open(folder.path()).expect("opens");
        assert_eq!(again.of(&renamed.notify.receivers[0]), Ok("hunter2".into()));
        // A script that knows no ids means the receiver of that name.
        let by_name = save(&secrets, &renamed, settings(&[receiver("c", MASK)])).await.expect("saved");
        assert_eq!(by_name.notify.receivers[0].id, renamed.notify.receivers[0].id);
        let gone = save(&secrets, &by_name, settings(&[])).await.expect("saved");
        assert!(!std::fs::read_to_string(folder.path().join(FILE)).expect("there").contains("hunter2"));
        let errors = save(&secrets, &gone, by_name).await.expect_err("no secret");
        assert_eq!(errors[0].field, "notify.receivers[0].secret");
    }

    #[tokio::test]
    async fn a_secret_is_not_sent_elsewhere() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::open(folder.path()).expect("opens");
        let saved = save(&secrets, &Settings::default(), settings(&[receiver("a", "hunter2")])).await.expect("saved");
        let mut moved = saved.clone();
        moved.notify.receivers[0].url = "https://evil.example".into();
        assert!(secrets.of(&moved.notify.receivers[0]).is_err());
        assert!(save(&secrets, &saved, moved).await.is_err());
    }

    #[tokio::test]
    async fn when_the_settings_cannot_be_saved_the_secrets_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::open(folder.path()).expect("opens");
        let saved = save(&secrets, &Settings::default(), settings(&[receiver("a", "hunter2")])).await.expect("saved");
        let mut wanted = settings(&[receiver("a", "other")]);
        let staged = secrets.stage(&saved, &mut wanted).expect("is right");
        assert!(secrets.keep(staged, async { Err(StoreError::Full) }).await.is_err());
        for secrets in [&secrets, &Secrets::open(folder.path()).expect("opens")] {
            assert_eq!(secrets.of(&saved.notify.receivers[0]), Ok("hunter2".into()));
        }
    }

    #[test]
    fn what_file_and_environment_give_is_masked() {
        let folder = tempfile::tempdir().expect("a folder");
        let secrets = Secrets::open(folder.path()).expect("opens");
        let mut base = settings(&[receiver("a", "hunter2")]);
        let env = serde_json::json!({"notify": {"receivers": [{"name": "b", "url": "http://b", "secret": "hunter3"}]}});
        secrets.take_given_by_file(&mut base);
        let env = secrets.take_given(env);
        assert_eq!(secrets.of(&base.notify.receivers[0]), Ok("hunter2".into()));
        assert!(!env.to_string().contains("hunter3") && !base.document().to_string().contains("hunter2"));
        let b: Receiver = serde_json::from_value(env["notify"]["receivers"][0].clone()).expect("a receiver");
        assert_eq!(secrets.of(&b), Ok("hunter3".into()));
        assert!(!folder.path().join(FILE).exists());
    }
}
