"""What is at which address."""

from django.urls import path
from peers.django.posts import views

urlpatterns = [
    path("api/posts", views.Posts.as_view({"get": "list", "post": "create"})),
    path("api/posts/<int:pk>", views.Posts.as_view({"get": "retrieve"})),
    path("health", views.health),
]
