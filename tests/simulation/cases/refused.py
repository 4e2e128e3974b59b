"""What no gateway would take, and what others have already: E9, and what no case of the other systems asks for."""

from dataclasses import replace

from crossfade.model.claim import Rival, Wanted

from tests.simulation.cases.story import Story, at, case, promoted, says, weight

HERE = {"name": "public", "namespace": "gateways"}
SHOP = Rival("HTTPRoute", "web", "shop", Wanted("gateways", "public", "", "PathPrefix", "/"))


def behind(**ref: object) -> dict[str, object]:
    """Traffic by this parent."""
    return {"gatewayAPI": {"parentRefs": [{**HERE, **ref}]}}


@case("E9", begins=True)
def a_first_version_for_a_gateway_that_is_not_there(story: Story) -> None:
    """No pod, no route; it starts by itself when the Gateway comes."""
    story.happens("there is no Gateway")
    story.gateway.absent = "it does not exist"
    story.reaches(says("WaitingForGateway")).rests(30)
    assert not story.revisions
    story.happens("the Gateway is created")
    story.gateway.absent = ""
    story.reaches(promoted).rests(15)


@case("E9")
def a_listener_that_is_not_there_is_asked_for_at_ten_percent(story: Story) -> None:
    """Users meet what they met, the candidate keeps its tenth; taken back, the rollout goes on."""
    story.asks("v2", weight(10), weight(50))
    story.reaches(at("w10"))
    story.edit(traffic=behind(sectionName="https"))
    story.reaches(says("NotAdmitted")).rests(30)
    story.edit(traffic=behind())
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 50, 100]


@case("E9")
def a_gateway_goes_at_ten_percent_and_comes_back(story: Story) -> None:
    """No step and nothing taken back while it is away."""
    story.asks("v2", weight(10, minDuration="10s"), weight(50))
    story.reaches(at("w10"))
    story.happens("the Gateway is deleted, and with it the traffic", rate=0.0)
    story.gateway.absent = "it does not exist"
    story.reaches(says("WaitingForGateway")).rests(120)
    story.happens("it is created again", rate=2000.0)
    story.gateway.absent = ""
    story.reaches(promoted).rests(15)
    assert story.shares == [0, 10, 50, 100]


@case("E9")
def an_abort_while_the_gateway_is_away(story: Story) -> None:
    """The route is written at once all the same."""
    story.asks("v2", weight(10, minDuration="1m"))
    story.reaches(at("w10"))
    story.happens("the Gateway is deleted")
    story.gateway.absent = "it does not exist"
    story.reaches(says("WaitingForGateway")).rests(10)
    story.order("abort")
    story.reaches(says("Aborted"), within=3.0).rests(30)
    assert story.share("v2") == 0


@case()
def others_have_the_host_and_give_it_up(story: Story) -> None:
    """An edit to requests that another route has: nothing starts, nothing moves, and it heals."""
    taken = replace(SHOP, wanted=SHOP.wanted._replace(host="shop.test"))
    story.happens("HTTPRoute web/shop has shop.test", rivals=(taken,))
    api = {"parentRefs": [HERE], "hostnames": ["shop.test"]}
    story.edit(traffic={"gatewayAPI": api}, modelVersion="v2")
    story.reaches(says("HostTaken")).rests(30)
    assert len(story.revisions) == 1
    story.happens("that route is deleted", rivals=())
    story.reaches(promoted).rests(15)


@case()
def users_follow_to_another_gateway_when_it_has_taken_the_route(story: Story) -> None:
    """Both have it until then."""
    story.gateway.others["next"] = "no route of this namespace"
    story.edit(traffic=behind(name="next"))
    story.reaches(says("WaitingForGateway")).rests(30)
    story.happens("the other Gateway lets the namespace in")
    story.gateway.others["next"] = ""
    story.reaches(says("Promoted")).rests(15)


@case()
def a_version_that_is_no_image_is_to_be_mounted_as_one(story: Story) -> None:
    """No pod of it; what serves goes on, and the version that is loaded after all is rolled out."""
    before = story.spec.get("serving", {})
    story.edit(serving={**before, "files": "ImageVolume"}, modelVersion="v2")
    story.reaches(says("InvalidSpec")).rests(30)
    assert len(story.revisions) == 1
    story.edit(serving=before)
    story.reaches(promoted).rests(15)
