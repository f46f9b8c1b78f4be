"""What goes in and comes out."""

from rest_framework import serializers

from peers import cursor
from peers.django.posts.models import Post


class PostSerializer(serializers.ModelSerializer):
    title = serializers.CharField(max_length=200)
    content = serializers.CharField(max_length=100_000)
    user_id = serializers.IntegerField(read_only=True)
    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = Post
        fields = ("id", "user_id", "username", "title", "content", "created_at", "updated_at")
        read_only_fields = ("created_at", "updated_at")


class PageSerializer(serializers.Serializer):
    limit = serializers.IntegerField(default=20, min_value=1, max_value=100)
    cursor = serializers.RegexField("^[A-Za-z0-9_-]{21}[AQgw]$", default=None)
    q = serializers.CharField(default=None, max_length=200)

    def validate_cursor(self, value):
        return cursor.decode(value) if value else None
