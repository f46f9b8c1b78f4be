"""Posts, and whether all is well."""

from rest_framework import mixins, viewsets
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response

from django.contrib.postgres.search import SearchQuery
from django.db import connection
from django.db.models.fields.tuple_lookups import Tuple, TupleLessThan
from django.http import JsonResponse
from peers import cursor
from peers.django.posts.models import Post
from peers.django.posts.serializers import PageSerializer, PostSerializer


class Posts(mixins.CreateModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    queryset = Post.objects.select_related("user").defer("search")
    serializer_class = PostSerializer

    def get_permissions(self):
        return [IsAuthenticated() if self.action == "create" else AllowAny()]

    def perform_create(self, serializer):
        serializer.save(user=self.request.user)

    def list(self, request):
        page = PageSerializer(data=request.query_params)
        page.is_valid(raise_exception=True)
        limit, q = page.validated_data["limit"], page.validated_data["q"]
        newest = self.get_queryset().order_by("-created_at", "-id")
        if position := page.validated_data["cursor"]:
            newest = newest.filter(TupleLessThan(Tuple("created_at", "id"), position))
        if q:
            newest = newest.filter(search=SearchQuery(q, config="english", search_type="websearch"))
        rows = list(newest[: limit + 1])
        headers = {}
        if len(rows) > limit:
            headers["Link"] = cursor.link(vars(rows[limit - 1]), limit, q)
        return Response(self.get_serializer(rows[:limit], many=True).data, headers=headers)


def health(request):
    with connection.cursor() as found:
        found.execute("SELECT version_num FROM alembic_version")
        reachable = found.fetchone() is not None
    return JsonResponse({"status": "ok", "database": {"reachable": reachable}})
