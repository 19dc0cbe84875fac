import GatewayHost
import Glibc

exit(gatewayMain())
