"""The words that templates treat specially: statuses, names that announce a value, units, dates."""

import re
from typing import Final


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that say how it went, which way, or how bad. Two lines that differ in one of these tell
# different things and are never one template.
STATUS_WORDS: Final = _words("""
    abnormal abnormally abort accept ack active add after alive allow attach available bad
    before begin block bound broken busy cancel clean clear client close commit complete
    completes connect corrupt crash create critical dead debug degraded delete deny destroy
    detach dirty disable disconnect done down download drop emergency empty enable end enter
    error errors exit expire fail fails failure failures false fatal finish first follower found
    free frozen full get gone good grant halt head healthy high hung idle in inactive info input
    insert invalid join kill last leader leave load lock lost low master miss missing mount new
    no nok none not notice null off offline ok old on online open options out output over panic
    pass patch pause permit post primary pull push put read ready reboot receive receiver
    recover refuse register reject release remove reset restart resume retry revoke rollback run
    running secondary select send sender sent server severe shut shutdown slave slow start
    starts startup stop stops stuck succeed succeeds success successes successful successfully
    suspend timeout trace true unavailable unhealthy unknown unload unlock unmount unreachable
    unregister up update upload valid verbose wait wake warn warning write yes
""")

# Morphology catches the rest: past participles and gerunds are what happened, not to whom.
_VERB_ENDINGS: Final = ("ed", "ing")
_MIN_VERB_LENGTH: Final = 5
# Names of services, hosts and the like that only look like verbs.
_NOUNS: Final = _words("""
    accounting advertising banking billing building catering feed gaming king logging mailing
    mapping marketing meeting messaging monitoring planning pricing reporting routing scaling
    seed setting shipping speed staging string thing ticketing tracking trading training
""")

# A word right after one of these is a name: somebody or something.
NAMING_WORDS: Final = _words("""
    account address addr app application bucket channel class client cluster consumer container
    database db device directory disk domain driver endpoint file filename folder function group
    host hostname id image index instance interface job key machine method module named namespace
    node package path peer plugin pod pool process producer program queue region replica role rule
    schema server service session shard source storage store table tag target task tenant thread
    token topic type unit uri url user username volume worker zone
""")
# A word right after one of these often is.
PREPOSITIONS: Final = _words("by called for from of to via with")

UNITS: Final = _words("""
    b byte bytes kb mb gb tb pb kib mib gib tib k m g t bit bits bps kbps mbps gbps
    ns us ms s sec secs second seconds min mins minute minutes h hour hours hr hrs day days
    hz khz mhz ghz
""")

# Keys whose quoted value is the message itself, not a parameter.
MESSAGE_KEYS: Final = _words("""
    msg message error err event reason text log cause description detail details exception
""")

HTTP_METHODS: Final = _words("GET POST PUT DELETE PATCH HEAD OPTIONS CONNECT TRACE")

MONTH: Final = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
WEEKDAY: Final = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*"
ZONE: Final = "(?:[A-Z]{2,4}T|UTC|GMT|Z)"

_JOINT: Final = re.compile("[_-]")
_EXCEPTION: Final = re.compile(r"[\w.$]*(?:Exception|Error|Throwable|Fault)")


def is_status_word(word: str) -> bool:
    """Say whether the word tells how something went: `failed`, `FAIL_CLEANUP`, `stopping`."""
    lowered = word.lower()
    return any(part in STATUS_WORDS or _is_verb_form(part) for part in _JOINT.split(lowered))


def _is_verb_form(word: str) -> bool:
    if len(word) < _MIN_VERB_LENGTH or word in _NOUNS:
        return False
    return word.endswith(_VERB_ENDINGS)


def is_exception_name(word: str) -> bool:
    """Say whether the word is the class name of an exception."""
    return _EXCEPTION.fullmatch(word) is not None
