import pytest

from streams.domain.templates import ShapeCache

ONE_LINE_EACH = [
    ("took 12 ms", "took <*> ms"),
    ("took 12.5ms, 80% of -3", "took <*>, <*>% of <*>"),
    ("id 5d7f7fcd9a9e8f7f", "id <*>"),
    ("id 0673dd71-34c5-4fbb-86c4-40623fbe45b4 done", "id <*> done"),
    ("from 10.0.0.1:50010 to /10.0.0.2", "from <*> to /<*>"),
    ("from fe80::1ff:fe23:4567:890a", "from <*>"),
    ("mac 5c:50:15:4c:18:13", "mac <*>"),
    ("GET https://example.com/a?b=c#d", "GET <*>"),
    ("split hdfs://10.0.0.1:9000/x/y.log:21876+7292", "split hdfs://<*>"),
    ("open /var/log/nginx/error.log failed", "open <*> failed"),
    (r"open C:\Windows\servicing\sqm\a.sqm failed", "open <*> failed"),
    ("either and/or both", "either and/or both"),
    ("at 2024-01-31 10:00:00,123 it", "at <*> it"),
    ("at Fri Jun 17 07:07:00 2005", "at <*>"),
    ("caught java.io.IOException here", "caught java.io.IOException here"),
    ("class org.apache.hadoop.mapreduce.EventType ok", "class <*> ok"),
    ("app.server.Handler started", "app.server.Handler started"),
    ("connected to db-3.prod.internal", "connected to <*>"),
    ("mail for alice@example.com", "mail for <*>"),
    ("lock=233570404, flags=0x1, ws=null", "lock=<*>, flags=<*>, ws=null"),
    ('tag="View Lock", name=x', 'tag="<*>", name=x'),
    ('level=info msg="Starting up" took=5', 'level=info msg="Starting up" took=<*>'),
    ("state.clipTop:180, i:0", "state.clipTop:<*>, i:<*>"),
    ("at main.go:123 and proxy.example.com:80", "at <*> and <*>"),
    ("core.2275", "core.<*>"),
    ("value.........0", "value.........<*>"),
    ("connection from 1.2.3.4 () now", "connection from <*> (<*>) now"),
    ("blocks 1 2 3 4 5 6 removed", "blocks <*> removed"),
    ("sent 1301 bytes (1.27 KB) in <1 sec", "sent <*> bytes in <*>"),
    ("Accepted password for bob from 1.2.3.4 port 22 ssh2", None),
    ("(root) CMD (run-parts /etc/cron.hourly)", "(<*>) CMD (<*>)"),
    (
        "ann : TTY=pts/0 ; PWD=/ ; USER=root ; COMMAND=/bin/ls -l",
        "<*> : TTY=<*> ; PWD=<*> ; USER=<*> ; COMMAND=<*>",
    ),
    ("dial tcp [fd00::1]:443: refused", "dial tcp <*>: refused"),
    ("listening on [::]:80, proxy http://[fd00::1]:80/x", "listening on <*>, proxy <*>"),
    ('Get "https://a.example/x?y=z&n=1": timeout', 'Get "<*>": timeout'),
    ("next=https://a.example/x?y=z url=/a/b?c=d", "next=<*> url=<*>"),
    ("by jdbc:postgresql://db/shop?ssl=true", "by jdbc:postgresql://<*>"),
    ("at k8s.io/client-go/tools/cache.go:160: done", "at <*>: done"),
    ("at /srv/app/run.py:12:3 it", "at <*> it"),
    ("from 1.2.3.4 [14/Mar/2026:08:06:00.101] on", "from <*> [<*>] on"),
    ("Stopped nginx.service and getty@tty1.service.", "Stopped <*> and <*>."),
    ("user o'neil logged in", "user <*> logged in"),
    ("no pod \"web\" on host: 'db'", "no pod \"<*>\" on host: '<*>'"),
    ('state of pod "failed"', 'state of pod "failed"'),
    ("hit for key user:17:cart now", "hit for key <*> now"),
    ("took lease kube-system/scheduler", "took lease <*>"),
    ("as role arn:aws:iam::123456789012:role/reader now", "as role <*> now"),
    ("topic=arn:aws:sns:eu-west-1:123:alerts warn:aws:x:y", "topic=<*> warn:aws:x:y"),
    (r"key HKLM\SOFTWARE\Acme\Agent: 0x80070005", "key <*>: <*>"),
    ("wrote report.pdf and archive.tar.gz", "wrote <*> and <*>"),
    ("app.js called console.warn", "app.js called console.warn"),
    ('sent with subject "Your order 12" to ann', 'sent with subject "<*>" to ann'),
    ("IRQ router PIIX/ICH at hand", "IRQ router PIIX/ICH at hand"),
    ("Invalid user webmaster from 1.2.3.4", "Invalid user <*> from <*>"),
    ("check pass; user unknown", "check pass; user unknown"),
    ("jk2_init() Found child 6725", "jk2_init() Found child <*>"),
    ("r24=0x0ffea4c8 r25=0x00000003", "r24=<*> r25=<*>"),
    ('{"level":"info","ts":1696946136.1,"n":5}', '{"level":"info", "ts":<*>, "n":<*>}'),
    ("", ""),
    ("   ", ""),
]


@pytest.mark.parametrize(
    ("body", "shape"), [(body, shape) for body, shape in ONE_LINE_EACH if shape is not None]
)
def test_what_varies_is_masked_and_what_is_said_stays(body: str, shape: str) -> None:
    assert ShapeCache().shape(body) == shape


def test_a_word_with_one_digit_stays_as_it_may_be_a_constant() -> None:
    shape = ShapeCache().shape("Accepted password for bob from 1.2.3.4 port 22 ssh2")

    assert shape == "Accepted password for <*> from <*> port <*> ssh2"


@pytest.mark.parametrize(
    ("ok", "failed"),
    [
        ('"GET /a HTTP/1.1" 200 12', '"GET /a HTTP/1.1" 503 12'),
        ('"GET /a HTTP/1.1" 200 12', '"GET /a HTTP/1.1" 404 12'),
        ("GET /a 200 12.3 ms - 512", "GET /a 500 12.3 ms - 512"),
        ("method=GET path=/a status=200", "method=GET path=/a status=404"),
        ('{"path": "/a", "status": 200}', '{"path": "/a", "status": 404}'),
        ('{"path":"/a","status":200}', '{"path":"/a","status":404}'),
        ("upstream answered with status code 200", "upstream answered with status code 502"),
        ('"GET /a" status: 200 len: 5', '"GET /a" status: 500 len: 5'),
        ("| 200 | 1.2ms | 1.2.3.4 | GET /a", "| 404 | 1.2ms | 1.2.3.4 | GET /a"),
    ],
)
def test_http_status_classes_have_shapes_of_their_own(ok: str, failed: str) -> None:
    cache = ShapeCache()

    assert cache.shape(ok) != cache.shape(failed)


def test_statuses_of_one_class_have_one_shape() -> None:
    cache = ShapeCache()

    assert cache.shape('"GET /a HTTP/1.1" 200 12') == cache.shape('"GET /b HTTP/1.1" 204 0')
