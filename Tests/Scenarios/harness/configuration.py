"""Gateway configurations for the scenarios: the whole chain of five, with what a test changes.

YAML contains JSON, so values are written as JSON under plain keys. The secrets are canaries: the
gateway process checks that none of them ever appears in what it logged.
"""

import copy
import json

CLIENT_KEY = "cr_canary_client_key_0123456789abcdef"
OTHER_KEY = "cr_canary_other_key_fedcba9876543210"
MAIN_ACCOUNT = "sk-ant-canary-main-account"
SPARE_ACCOUNT = "sk-ant-canary-spare-account"
PROXY_PASSWORD = "canary-proxy-password"
SECRETS = [CLIENT_KEY, OTHER_KEY, MAIN_ACCOUNT, SPARE_ACCOUNT, PROXY_PASSWORD]

AUTHORIZED = [("x-api-key", CLIENT_KEY), ("anthropic-version", "2023-06-01"), ("content-type", "application/json")]


def account(name="main", key=MAIN_ACCOUNT, **more):
    return {"name": name, "type": "api-key", "api_key": key, **more}


MAIN = account()
SPARE = account("spare", SPARE_ACCOUNT)


def chain(accounts=(MAIN,), keys=None, per_key=None, picker=None, egress=None):
    """The five plugins in their order. Arguments are their configurations, where a test has a say."""
    return [
        {"plugin": "Auth", "config": {"keys": keys or [{"name": "laptop", "key": CLIENT_KEY}]}},
        {"plugin": "RateLimit", "config": {"per_key": per_key or {"requests_per_minute": 100000, "concurrency": 1000}}},
        {"plugin": "AccountPicker", "config": {"accounts": list(accounts), **(picker or {})}},
        {"plugin": "SOCKSProxy", **({"config": egress} if egress else {})},
        {"plugin": "Metrics", "enabled": True},
    ]


def configuration(upstream_url, accounts=(MAIN,), keys=None, per_key=None, picker=None, egress=None, threads=1, **top):
    """The whole file as a dictionary. `top` adds or replaces keys of the first level."""
    return copy.deepcopy({
        "listen": "127.0.0.1:0",
        "threads": threads,
        "upstream": upstream_url,
        "data": "./data",
        "chain": chain(accounts, keys, per_key, picker, egress),
        **top,
    })


def as_yaml(tree):
    lines = []
    for key, value in tree.items():
        if key == "chain":
            lines.append("chain:")
            lines += [f"  - {json.dumps(entry)}" for entry in value]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
