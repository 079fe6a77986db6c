from schemas.topics import (
    LOGS_RAW,
    MAX_RECORD_BYTES,
    SOURCE_TOPICS,
    TRIAGE_FEEDBACK,
    all_topics,
    dead_letter_spec,
    dead_letter_topic,
)


def test_each_source_topic_has_a_dead_letter_topic_with_its_partitions() -> None:
    specs = {spec.name: spec for spec in all_topics()}

    assert len(specs) == 2 * len(SOURCE_TOPICS)
    for source in SOURCE_TOPICS:
        assert specs[dead_letter_topic(source.name)].partitions == source.partitions


def test_dead_letters_are_kept_for_good() -> None:
    assert dead_letter_spec(LOGS_RAW).topic_config["retention.ms"] == "-1"


def test_a_dead_letter_of_the_largest_record_fits_with_its_headers() -> None:
    largest = int(LOGS_RAW.topic_config["max.message.bytes"])

    assert largest == MAX_RECORD_BYTES
    assert int(dead_letter_spec(LOGS_RAW).topic_config["max.message.bytes"]) > largest + 2_048


def test_feedback_is_ordered_by_one_partition_and_never_expires() -> None:
    assert (TRIAGE_FEEDBACK.partitions, TRIAGE_FEEDBACK.retention_ms) == (1, -1)


def test_records_keep_the_time_they_were_made() -> None:
    assert all(spec.topic_config["message.timestamp.type"] == "CreateTime" for spec in all_topics())
