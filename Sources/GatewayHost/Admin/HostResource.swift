// A resource whose owner is the host itself: users and tokens.
//
// As a plugin's resource it declares, is checked, sealed, stored and audited by the same service; what a
// plugin does with `store` and `reveal`, and what may take longer than a loop has time for, it does in `settle`.
//
// Kind: loop-confined protocol.

protocol HostResource: ResourceOwner {
    /// After `check` found no fault: completes the document that is to be stored. `done` is called on the loop, once.
    func settle(
        _ change: ResourceChange, _ desk: AdminDesk, _ loop: EventLoop, _ done: @escaping (Result<ResourceVerdict, ProblemDocument>) -> Void
    )

    /// An action on a record: the document as it is afterwards.
    func act(_ action: String, on document: JSONObject, now: Int64) -> JSONObject
}
