//! Every fault of the fake, as the client's types tell it, and what the
//! index says afterwards.

use std::time::Duration;

use stagegate_fakes::registry::{RegistryFault, RetryAfter};
use stagegate_registry::{Registry, RegistryError, Timeouts, UploadError};

use crate::fixture::{Fixture, token, upload};

fn fixture(fault: RegistryFault) -> Fixture {
    Fixture::with(|options| options.faults.push(fault))
}

/// Uploads under a fault, which must not be repeated by the client; then looks
/// whether the version is there, and uploads it in peace.
fn check(fault: RegistryFault, happened: bool) -> UploadError {
    let fixture = fixture(fault.clone());
    let client = fixture.client();
    let package = upload("demo", "1.0.0");
    let error = client.upload(&token(), &package).unwrap_err();
    assert_eq!(
        fixture.writes().len(),
        1,
        "{fault:?}: {:?}",
        fixture.writes()
    );
    assert_eq!(
        client.versions("demo").unwrap().len(),
        usize::from(happened),
        "{fault:?}"
    );
    let again = client.upload(&token(), &package);
    match happened {
        true => assert!(
            matches!(again, Err(UploadError::AlreadyUploaded { .. })),
            "{again:?}"
        ),
        false => assert!(again.is_ok(), "{again:?}"),
    }
    assert_eq!(client.versions("demo").unwrap().len(), 1, "{fault:?}");
    error
}

#[test]
fn rate_limits_say_how_long_to_wait_if_the_registry_does() {
    let check = |order: Option<RetryAfter>, expected: &dyn Fn(Option<Duration>) -> bool| {
        let fault = RegistryFault::RateLimited {
            times: 1,
            retry_after: order,
        };
        let error = check(fault, false);
        let UploadError::RateLimited {
            retry_after,
            detail,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert!(expected(*retry_after), "{order:?}: {retry_after:?}");
        assert!(detail.contains("You have published too many"), "{detail}");
    };
    check(Some(RetryAfter::Seconds(600)), &|wait| {
        wait == Some(Duration::from_secs(600))
    });
    // An HTTP-date has whole seconds, and the answer's own date is as coarse.
    let minutes = Duration::from_secs(540)..=Duration::from_secs(660);
    let date = RetryAfter::DateIn(Duration::from_secs(600));
    check(Some(date), &|wait| {
        wait.is_some_and(|wait| minutes.contains(&wait))
    });
    check(None, &|wait| wait.is_none());
}

#[test]
fn a_server_error_leaves_it_open_what_happened() {
    for (fault, happened, status) in [
        (RegistryFault::ServerErrorBefore { times: 1 }, false, "500"),
        (RegistryFault::ServerErrorAfter { times: 1 }, true, "503"),
    ] {
        let error = check(fault, happened);
        assert!(matches!(error, UploadError::Ambiguous { .. }), "{error}");
        assert!(error.to_string().contains(status), "{error}");
    }
}

#[test]
fn a_read_only_registry_has_done_nothing_and_says_why() {
    let error = check(RegistryFault::ReadOnly { times: 1 }, false);
    assert!(matches!(error, UploadError::ReadOnly { .. }), "{error}");
    assert!(error.is_transient() && !error.is_ambiguous(), "{error}");
    assert!(error.to_string().contains("status.crates.io"), "{error}");
}

#[test]
fn an_upload_that_takes_too_long_is_told_from_others() {
    let error = check(RegistryFault::BodyTimeout { times: 1 }, false);
    assert!(matches!(error, UploadError::TimedOut { .. }), "{error}");
    assert!(error.is_ambiguous(), "{error}");
    assert!(error.to_string().contains("30 s"), "{error}");
}

#[test]
fn a_cut_connection_leaves_it_open_what_happened() {
    for (fault, happened) in [
        (RegistryFault::ResetBefore { times: 1 }, false),
        (RegistryFault::ResetAfter { times: 1 }, true),
    ] {
        let error = check(fault, happened);
        assert!(matches!(error, UploadError::Ambiguous { .. }), "{error}");
    }
}

#[test]
fn a_cut_connection_is_logged_without_a_status() {
    let fixture = fixture(RegistryFault::ResetAfter { times: 1 });
    let client = fixture.client();
    client
        .upload(&token(), &upload("demo", "1.0.0"))
        .unwrap_err();
    assert_eq!(
        fixture.writes(),
        [("PUT /api/v1/crates/new".to_owned(), None)]
    );
}

#[test]
fn silence_ends_with_the_clients_patience() {
    let fixture = fixture(RegistryFault::SilenceAfter { times: 1 });
    let timeouts = Timeouts {
        response: Duration::from_secs(2),
        ..Timeouts::default()
    };
    let client = Registry::open_with(&fixture.registry.index(), timeouts).unwrap();
    let error = client
        .upload(&token(), &upload("demo", "1.0.0"))
        .unwrap_err();
    assert!(matches!(error, UploadError::Ambiguous { .. }), "{error}");
}

#[test]
fn an_index_that_is_down_is_no_empty_index() {
    let fixture = fixture(RegistryFault::IndexUnavailable { times: 1 });
    let client = fixture.client();
    let error = client.versions("demo").unwrap_err();
    assert!(
        matches!(error, RegistryError::Status { status: 503, .. }),
        "{error}"
    );
    assert_eq!(client.versions("demo").unwrap(), []);
}

#[test]
fn faults_can_be_added_to_a_running_registry() {
    let fixture = Fixture::new();
    let client = fixture.client();
    fixture
        .registry
        .add_faults([RegistryFault::ServerErrorBefore { times: 2 }]);
    for expected in [false, false, true] {
        let result = client.upload(&token(), &upload("demo", "1.0.0"));
        assert_eq!(result.is_ok(), expected, "{result:?}");
    }
}
