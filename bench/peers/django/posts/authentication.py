"""API tokens."""

import hashlib

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from peers.django.posts import models


class ApiToken(BaseAuthentication):
    def authenticate(self, request):
        scheme, _, token = get_authorization_header(request).partition(b" ")
        if scheme != b"Bearer":
            return None
        digest = hashlib.sha256(token).digest()
        found = models.ApiToken.objects.select_related("user").filter(token_hash=digest).first()
        if found is None:
            raise AuthenticationFailed
        return found.user, found

    def authenticate_header(self, request):
        return "Bearer"
