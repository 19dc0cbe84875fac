public func gatewayMain() -> Int32 { 0 }
