//! What librdkafka's errors mean to a caller.

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::BusError;

pub(super) fn bus_error(error: &KafkaError) -> BusError {
    let reason = error.to_string();
    match error {
        KafkaError::MessageConsumptionFatal(_)
        | KafkaError::ClientConfig(..)
        | KafkaError::ClientCreation(_)
        | KafkaError::Nul(_) => return BusError::Fatal(reason),
        _ => {}
    }
    match error.rdkafka_error_code() {
        Some(Code::MessageSizeTooLarge | Code::InvalidMessage | Code::InvalidMessageSize | Code::InvalidRecord) => {
            BusError::Refused(reason)
        }
        Some(Code::KafkaStorageError | Code::QueueFull) => BusError::Full(reason),
        Some(
            Code::Fatal
            | Code::Fenced
            | Code::ProducerFenced
            | Code::Authentication
            | Code::SaslAuthenticationFailed
            | Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::TransactionalIdAuthorizationFailed,
        ) => BusError::Fatal(reason),
        _ => BusError::Unavailable(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_a_caller_can_do() {
        let check = |code: Code, expect: fn(String) -> BusError| {
            let error = KafkaError::MessageProduction(code);
            assert_eq!(bus_error(&error), expect(error.to_string()));
        };
        check(Code::MessageSizeTooLarge, BusError::Refused);
        check(Code::MessageTimedOut, BusError::Unavailable);
        check(Code::BrokerTransportFailure, BusError::Unavailable);
        check(Code::UnknownTopicOrPartition, BusError::Unavailable);
        check(Code::KafkaStorageError, BusError::Full);
        check(Code::TopicAuthorizationFailed, BusError::Fatal);
        check(Code::Fenced, BusError::Fatal);
    }
}
