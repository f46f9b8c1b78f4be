"""FastAPI with SQLAlchemy's ORM, asynchronous over asyncpg."""

import hashlib
import os
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, ClassVar

from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, DateTime, FetchedValue, ForeignKey, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, joinedload, mapped_column, relationship

from peers import cursor

URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:")
engine = create_async_engine(URL, pool_size=10, max_overflow=0)
sessions = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), int: BigInteger}


class User(Base):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]


class ApiToken(Base):
    __tablename__ = "api_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[bytes]
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship()


class Post(Base):
    __tablename__ = "posts"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    title: Mapped[str]
    content: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    user: Mapped[User] = relationship()

    @property
    def username(self) -> str:
        return self.user.username


class NewPost(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    content: str = Field(min_length=1, max_length=100_000)


class PostOut(NewPost):
    model_config = ConfigDict(from_attributes=True)

    id: int
    user_id: int
    username: str
    created_at: datetime
    updated_at: datetime


async def open_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(open_session)]


async def account(
    session: Session,
    token: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
) -> User:
    if token is not None:
        digest = hashlib.sha256(token.credentials.encode()).digest()
        found = select(User).join(ApiToken).where(ApiToken.token_hash == digest)
        if user := await session.scalar(found):
            return user
    raise HTTPException(401)


@app.get("/api/posts", response_model=list[PostOut])
async def list_posts(
    response: Response,
    session: Session,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    after: Annotated[str | None, Query(alias="cursor", pattern="^[A-Za-z0-9_-]{21}[AQgw]$")] = None,
    q: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
):
    newest = select(Post).options(joinedload(Post.user, innerjoin=True))
    newest = newest.order_by(Post.created_at.desc(), Post.id.desc()).limit(limit + 1)
    if after:
        newest = newest.where(tuple_(Post.created_at, Post.id) < cursor.decode(after))
    if q:
        newest = newest.where(
            text("posts.search @@ websearch_to_tsquery('english', :q)").bindparams(q=q)
        )
    rows = (await session.scalars(newest)).all()
    if len(rows) > limit:
        last = rows[limit - 1]
        position = {"created_at": last.created_at, "id": last.id}
        response.headers["Link"] = cursor.link(position, limit, q)
    return rows[:limit]


@app.get("/api/posts/{post_id}", response_model=PostOut)
async def get_post(session: Session, post_id: int):
    post = await session.get(Post, post_id, options=[joinedload(Post.user, innerjoin=True)])
    if post is None:
        raise HTTPException(404)
    return post


@app.post("/api/posts", status_code=201, response_model=PostOut)
async def create_post(session: Session, user: Annotated[User, Depends(account)], new: NewPost):
    post = Post(user=user, **new.model_dump())
    session.add(post)
    await session.commit()
    return post


@app.get("/health")
async def health(session: Session):
    revision = await session.scalar(text("SELECT version_num FROM alembic_version"))
    return {"status": "ok", "database": {"reachable": revision is not None}}
