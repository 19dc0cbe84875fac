"""What the scenarios are played with: a gateway process, a scripted upstream, a client of bare bytes, real proxies."""
