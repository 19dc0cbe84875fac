// gw.json/1: values in the JSON that passes, by pointer.
//
// Kind: a free C function on the request's loop.

import PluginABI

func jsonGet(
    _ request: UnsafeMutablePointer<gw_request>, _ document: gw_str, _ pointer: gw_str, _ out: UnsafeMutablePointer<gw_value>
) -> gw_error {
    guard let call = HostCall(request) else { return GW_E_STATE }
    let document = Bytes(document)
    let pointer = Bytes(pointer)
    guard !document.isAbsent, pointer.isEmpty || pointer[0] == 0x2f else { return GW_E_ARGUMENT }
    let exchange = call.exchange
    guard let span = call.place.documents.find(document, pointer, exchange: exchange),
        let value = JSONPlace(scanner: JSONScanner(document), span: span).value(keep: { text in
            text.withUnsafeBytes { exchange.arena.copy($0.isEmpty ? Bytes("") : Bytes($0)) }
        })
    else { return GW_E_ABSENT }
    out.pointee = value
    return GW_OK
}
