"""Where the events are read and with which credentials, as the AsyncAPI document says it."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]


def both(french: str, english: str) -> str:
    return f"{french}\n\n{english}"


SERVERS: Document = {
    "kafka": {
        "host": "{bootstrap}",
        "protocol": "kafka-secure",
        "description": both(
            "Le courtier, avec l’utilisateur de votre organisation : il lit votre topic et rien d’autre. TLS, "
            "sauf dans une démonstration sur une seule machine : `security_protocol`, donné avec vos accès, le dit.",
            "The broker, as your organisation's user: it reads your topic and nothing else. TLS, but for a "
            "demonstration on one machine: `security_protocol`, given with your access, says so.",
        ),
        "variables": {"bootstrap": {"description": "Given with your credentials.", "default": "localhost:9094"}},
        "security": [{"$ref": "#/components/securitySchemes/scram"}],
    },
    "http": {
        "host": "{partners}",
        "protocol": "https",
        "description": both("Le service des partenaires.", "The partners service."),
        "variables": {"partners": {"description": "Given with your credentials.", "default": "localhost:8444"}},
        "security": [{"$ref": "#/components/securitySchemes/oauth"}],
    },
}


SECURITY: Document = {
    "scram": {
        "type": "scramSha512",
        "description": both(
            "Un utilisateur par organisation ; groupes de lecture : préfixe `partner-<code>-`.",
            "One user per organisation; consumer groups: prefix `partner-<code>-`.",
        ),
    },
    "oauth": {
        "type": "oauth2",
        "description": both(
            "Jetons de cinq minutes, contre l’identifiant et le secret remis une fois.",
            "Tokens of five minutes, for the client id and the secret shown once.",
        ),
        "flows": {
            "clientCredentials": {
                "tokenUrl": "https://localhost:8444/oauth/token",
                "availableScopes": {"feed:read": "Lire son flux · read one's own feed"},
            }
        },
    },
    "standardWebhooks": {
        "type": "httpApiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": both(
            "Signature Standard Webhooks (`v1`, HMAC-SHA256 de `id.timestamp.corps`) ; plusieurs si rotation.",
            "Standard Webhooks signature (`v1`, HMAC-SHA256 of `id.timestamp.body`); several during a rotation.",
        ),
    },
}
