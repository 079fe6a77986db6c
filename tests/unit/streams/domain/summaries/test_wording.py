from streams.domain.summaries.wording import digest_phrases, summary_text


def test_a_digest_leaves_out_parameters_and_fillers() -> None:
    assert digest_phrases(["Received block <*> of size <*> from /<*>"]) == ["Received block size"]


def test_a_digest_starts_behind_the_header_of_a_whole_line() -> None:
    templates = [
        "<*> <*> INFO spark.SecurityManager: Changing acls",
        "- <*> RAS KERNEL FATAL machine check",
    ]

    assert digest_phrases(templates) == ["Changing acls", "machine check"]


def test_a_level_word_within_a_sentence_is_just_a_word() -> None:
    assert digest_phrases(["Got ERROR from peer"]) == ["Got ERROR peer"]


def test_what_was_said_before_is_not_said_again() -> None:
    phrases = digest_phrases(["connection to <*> lost", "connection lost", "connection restored"])

    assert phrases == ["connection lost", "connection restored"]


def test_without_any_word_the_text_is_the_headline() -> None:
    assert summary_text("nothing unusual: 3 lines, 1 template", [], digest_phrases(["<*>"])) == (
        "nothing unusual: 3 lines, 1 template"
    )
