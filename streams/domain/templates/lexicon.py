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
# What a compound state begins with: `in-progress`, `not-ready`, `half-open`.
_STATE_PREFIXES: Final = _words("down half in no non not off on out over up")
# Names of services, hosts and the like that only look like verbs.
_NOUNS: Final = _words("""
    accounting advertising banking billing building catering feed gaming king logging mailing
    mapping marketing meeting messaging monitoring planning pricing reporting routing scaling
    seed setting shipping speed staging string thing ticketing tracking trading training
""")

# A word right after one of these is a name: somebody or something.
NAMING_WORDS: Final = _words("""
    account adapter address addr alias app application backend bean branch broker bucket certificate
    channel chart class client cluster column component configmap constraint consumer container
    customer daemonset database datacenter dataset datasource db deployment device directory disk
    domain driver endpoint env environment executor field file filename flag folder frontend
    function gateway group host hostname id image index ingress instance interface job key keyspace
    label lease library listener machine mailbox member method metric model module named namespace
    node operator organization owner package parameter partition path peer pipeline plugin pod pool
    principal process producer profile program project property provider proxy queue realm region
    registry replica replicaset repo repository role route router rule sandbox schema secret sensor
    server service servlet session shard site snapshot socket source statefulset storage store
    subject subnet subscriber subscription suite table tablespace tag target task tenant thread
    token topic type unit upstream uri url user username vhost vm volume worker workflow workspace
    zone
""")
# A word right after one of these often is; after the first four it can be nothing else.
NAME_PREPOSITIONS: Final = _words("by called from via")
PREPOSITIONS: Final = NAME_PREPOSITIONS | _words("for of to with")
# What takes a verb: in "failed to parse" the last word tells what happened.
INFINITIVE_CUES: Final = _words("""
    able about allowed attempt attempted attempting attempts fail failed failing fails failure
    going need needs ready refused refusing tried tries try trying unable used want wants
""")

UNITS: Final = _words("""
    b byte bytes kb mb gb tb pb kib mib gib tib k m g t bit bits bps kbps mbps gbps
    ns us ms s sec secs second seconds min mins minute minutes h hour hours hr hrs day days
    hz khz mhz ghz
    aud brl cad chf cny eur gbp inr jpy usd
""")

# Words of grammar: where lines differ in one of these, they say different things. `a` is a name
# as often: drive A, host a.
FUNCTION_WORDS: Final = _words("""
    an and are as at be been but by can cannot could did do does for from had has have if into is
    it its may must nor of or shall should so than that the then there these they this those to was
    were when which while who will with within without would
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
    """Say whether the word tells how something went: `failed`, `FAIL_CLEANUP`, `not-ready`.

    What a compound in small letters is stands in its last part: `new-checkout` is a name.
    """
    parts = _JOINT.split(word.lower())
    if word.isupper():
        return any(map(_tells_status, parts))
    return _tells_status(parts[-1]) or (len(parts) > 1 and parts[0] in _STATE_PREFIXES)


def is_compound(word: str) -> bool:
    """Say whether a word is made of several, as names are: `db-primary`, `fast_search`."""
    return _JOINT.search(word) is not None


def _tells_status(part: str) -> bool:
    return part in STATUS_WORDS or _is_verb_form(part)


def _is_verb_form(word: str) -> bool:
    if len(word) < _MIN_VERB_LENGTH or word in _NOUNS:
        return False
    return word.endswith(_VERB_ENDINGS)


def is_exception_name(word: str) -> bool:
    """Say whether the word is the class name of an exception."""
    return _EXCEPTION.fullmatch(word) is not None
