"""The tables, which the product's migrations have made."""

from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models


class User(models.Model):
    username = models.TextField()

    is_authenticated = True

    class Meta:
        managed = False
        db_table = "users"


class ApiToken(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    token_hash = models.BinaryField()

    class Meta:
        managed = False
        db_table = "api_tokens"


class Post(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    title = models.TextField()
    content = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    search = models.GeneratedField(
        expression=SearchVector("title", "content", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        managed = False
        db_table = "posts"
