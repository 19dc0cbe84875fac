// The number by which stores know an instance: equal names share their keys across generations, and
// nobody else sees them.
//
// Kind: shared; asked when instances are made.

enum StoreNamespace {
    private static let numbers = Locked<[String: UInt32]>([:])

    static func number(of instance: String) -> UInt32 {
        numbers.withLock { numbers in
            if let known = numbers[instance] { return known }
            let number = UInt32(numbers.count) + 1
            numbers[instance] = number
            return number
        }
    }
}
