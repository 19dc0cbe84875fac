import GatewayHost
import Glibc

exit(gatewayMain(CommandLine.arguments))
