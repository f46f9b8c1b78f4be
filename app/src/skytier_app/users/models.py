"""What goes into and comes out of `/api/users`."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, model_validator

from skytier_app.text import Email, Password, Username


class Registration(BaseModel):
    """A new user."""

    model_config = ConfigDict(extra="forbid")

    username: Username
    email: Email
    password: Password


class UserChange(BaseModel):
    """What to change of your account: only what is given."""

    model_config = ConfigDict(extra="forbid")

    # The factories make a field optional without making null one of its values.
    username: Username = Field(default_factory=str)
    email: Email = Field(default_factory=str)
    password: Password = Field(default_factory=str)
    current_password: Password = Field(
        default_factory=str, description="Needed to change the password or the e-mail address."
    )
    revoke_tokens: bool = Field(
        default=True, strict=True, description="Whether a new password revokes all API tokens."
    )

    @model_validator(mode="after")
    def _is_confirmed_for_something(self) -> "UserChange":
        given = self.model_fields_set
        if "current_password" in given and given.isdisjoint({"username", "email", "password"}):
            raise ValueError("`current_password` alone changes nothing: say what it is given for.")
        return self


class Confirmation(BaseModel):
    """What confirms that a request comes from the user, and not from who found their session."""

    model_config = ConfigDict(extra="forbid")

    current_password: Password


class User(BaseModel):
    """A user as everyone sees them."""

    id: int
    username: str
    created_at: datetime


class Self(User):
    """A user as they see themselves."""

    email: str
    is_admin: bool
    updated_at: datetime
