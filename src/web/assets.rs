//! Style sheet, script and icons. They travel in the binary and are unpacked under their hash at start, because actix-files
//! serves folders; the hash in their address lets a browser keep them for ever.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::{fs, io};

use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, body::MessageBody};
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/static");

/// A pure function of the embedded bytes, so every process of one build agrees.
static BASE: LazyLock<String> = LazyLock::new(|| format!("/static/{}", hash()));

/// Where static files are found on the web: `/static/<hash>`, without a slash at the end.
pub fn base() -> &'static str {
    &BASE
}

/// What a running server serves files from.
#[derive(Debug, Clone)]
pub struct Assets {
    pub folder: PathBuf,
    /// A folder of the operator's own may change under the same address, so browsers ask each time.
    pub immutable: bool,
}

/// Makes the folder that is served: the operator's own, or the embedded files unpacked into `data_dir/static-<hash>`.
pub fn unpack(data_dir: &Path, own: Option<&Path>) -> io::Result<Assets> {
    if let Some(own) = own {
        return Ok(Assets {
            folder: own.to_path_buf(),
            immutable: false,
        });
    }
    let folder = data_dir.join(format!("static-{}", hash()));
    if !folder.is_dir() {
        // Unpacked beside it and renamed: a start that is interrupted leaves no half-filled folder behind.
        let half = data_dir.join(format!("static-{}.{}", hash(), std::process::id()));
        fs::create_dir_all(&half)?;
        FILES.extract(&half)?;
        if let Err(error) = fs::rename(&half, &folder) {
            fs::remove_dir_all(&half)?;
            if !folder.is_dir() {
                return Err(error);
            }
        }
    }
    Ok(Assets {
        folder,
        immutable: true,
    })
}

/// Tells browsers how long a static file is good for.
pub async fn caching(
    immutable: bool,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let mut response = next.call(request).await?;
    if response.status().is_success() {
        let value = if immutable {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        response
            .headers_mut()
            .insert(CACHE_CONTROL, HeaderValue::from_static(value));
    }
    Ok(response)
}

fn hash() -> String {
    let mut files: Vec<_> = FILES.files().collect();
    files.sort_by_key(|file| file.path());
    let mut digest = Sha256::new();
    for file in files {
        digest.update(file.path().as_os_str().as_encoded_bytes());
        digest.update(file.contents());
    }
    hex::encode(&digest.finalize()[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_twice_serves_the_same_folder() {
        let data = tempfile::tempdir().expect("a folder");

        let first = unpack(data.path(), None).expect("unpacked");
        let second = unpack(data.path(), None).expect("unpacked again");

        assert_eq!(first.folder, second.folder);
        assert!(first.folder.join("app.css").is_file());
        assert!(base().ends_with(&hash()));
    }
}
