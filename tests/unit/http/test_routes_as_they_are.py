"""The application serves the routes that the stages and pages made, and builds none of them a second time."""

from cbi.app import STAGES, create_app
from cbi.console.areas import AREAS


def test_every_route_of_every_stage_and_page_is_served_as_it_was_made() -> None:
    served = {id(route) for route in create_app().routes}
    made = [route for part in (*STAGES, *AREAS) for route in part.router.routes]
    assert len(made) > 400
    assert [route for route in made if id(route) not in served] == []


def test_no_route_stands_inside_another() -> None:
    assert [route for route in create_app().routes if not hasattr(route, "path")] == []
