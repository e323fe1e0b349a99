"""Questions to the authorizer: what is asked, and what becomes of the answer."""

from orlop.cel import types as t
from orlop.cel.environment import Environment
from orlop.cel.library_authorizer import (
    AUTHORIZER,
    AUTHORIZER_TYPE,
    RESOURCE_CHECK_TYPE,
    Answer,
    Authorizer,
    Question,
)

made = Environment({"authorizer": AUTHORIZER_TYPE, "requested": RESOURCE_CHECK_TYPE, "s": t.STRING}, (AUTHORIZER,))


YES = Answer(True)


def ask(text, reply=YES):
    """The value of an expression and the questions it asked."""
    questions = []

    def answer(question):
        questions.append(question)
        return reply

    authorizer = Authorizer(answer)
    requested = authorizer.request_resource("apps", "deployments", "scale", "ns", "web")
    values = {"authorizer": authorizer, "requested": requested, "s": ""}
    return made.compile(text).evaluate(values), questions


def test_every_detail_reaches_the_question():
    """What the expression says is what is asked."""
    value, questions = ask(
        "authorizer.serviceAccount('ns', 'sa').group('g').resource('r').subresource('s').namespace('n').name('x')"
        ".fieldSelector('a=b').labelSelector('c').check('get').allowed()"
    )
    assert value is True
    assert questions == [Question("get", "", "g", "r", "s", "n", "x", "a=b", "c", ("ns", "sa"))]


def test_paths_are_asked_about():
    """A path check asks for the path, of the user of the request."""
    assert ask("authorizer.path('/healthz').check('get').allowed()", Answer(False))[0] is False
    assert ask("authorizer.path('/healthz').check('get').allowed()")[1] == [Question("get", path="/healthz")]


def test_the_resource_of_the_request_is_ready_to_ask():
    """requestResource knows group, resource, subresource, namespace and name."""
    expected = Question("patch", "", "apps", "deployments", "scale", "ns", "web")
    assert ask("requested.check('patch').allowed()")[1] == [expected]


def test_reasons_and_errors_can_be_read():
    """An answer's reason and error are texts; no error is the empty text."""
    broken = Answer(False, "unclear", "broken")
    shown = "requested.check('x').reason() + '/' + requested.check('x').error()"
    assert ask(shown, broken)[0] == "unclear/broken"
    assert ask("requested.check('x').errored()", broken)[0] is True
    assert ask("requested.check('x').errored()")[0] is False
