"""What goes into and comes out of `/api/posts`."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from skytier_app.pagination import PageQuery
from skytier_app.text import Content, Search, Title
from skytier_app.whole_number import Id


class PostQuery(PageQuery):
    """Which posts to list."""

    user_id: Id | None = Field(default=None, description="Only of this author.")
    q: Search | None = Field(
        default=None,
        description='Full-text search: words, "a phrase", `or`, and `-word` for without.',
    )


class NewPost(BaseModel):
    """A post as it is written, and as it is replaced."""

    model_config = ConfigDict(extra="forbid")

    title: Title
    content: Content


class PostChange(BaseModel):
    """What to change of a post: only what is given."""

    model_config = ConfigDict(extra="forbid")

    # The factories make a field optional without making null one of its values.
    title: Title = Field(default_factory=str)
    content: Content = Field(default_factory=str)


class Post(BaseModel):
    """A post with its author's name."""

    id: int
    user_id: int
    username: str
    title: str
    content: str
    created_at: datetime
    updated_at: datetime
