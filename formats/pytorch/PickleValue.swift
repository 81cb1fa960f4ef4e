/// A value on the machine's stack; what can hold others is a place in a `PickleHeap`, so that no cycle can be made of owners.
enum PickleValue {
    case none
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case global(PickleGlobal)
    case tuple(Int)
    case list(Int)
    case dictionary(Int)
    case storage(Int)
    case tensor(Int)
    /// An object of another class, by the place of its name: made of nothing, and nothing comes of it.
    case foreign(Int)
    /// Something harmless that says nothing about tensors, such as a device.
    case other

    var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    var string: String? { if case .string(let text) = self { text } else { nil } }
}

/// What the values of a pickle refer to.
struct PickleHeap {
    /// Elements of tuples and lists.
    var sequences: [[PickleValue]] = []
    var dictionaries: [[(key: PickleValue, value: PickleValue)]] = []
    var storages: [StorageRecord] = []
    var tensors: [StridedTensor] = []
    /// Names of the classes of foreign objects.
    var classes: [String] = []

    /// The elements of a tuple or list.
    func elements(_ value: PickleValue) -> [PickleValue]? {
        switch value {
        case .tuple(let place), .list(let place): return sequences[place]
        default: return nil
        }
    }

    /// A tuple or list of nothing but integers.
    func integers(_ value: PickleValue) -> [Int]? {
        guard let elements = elements(value) else { return nil }
        let integers = elements.compactMap(\.integer)
        return integers.count == elements.count ? integers : nil
    }
}

/// A storage as a persistent id names it.
struct StorageRecord {
    let key: String
    let type: StorageType
    /// Bytes, from the number of elements that the id gives.
    let byteCount: Int
}
