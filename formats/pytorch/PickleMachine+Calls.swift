import ModelGraph

/// What the globals of the list do when a pickle calls them, and the storages that it names.
extension PickleMachine {
    mutating func call(_ function: PickleGlobal, _ arguments: [PickleValue]) throws -> PickleValue {
        switch function {
        case .orderedDictionary: return .dictionary(try dictionary(try pairs(arguments)))
        // Its members come later; what makes missing ones is no part of them.
        case .defaultDictionary: return .dictionary(try dictionary([]))
        case .rebuildFromType: return try rebuildFromType(arguments)
        case .foreign(let name):
            // A kind of tensor that is not carried: to pass over it would be to lose it.
            guard !name.hasPrefix("torch._utils._rebuild_") else {
                throw unsupported("global '\(name)' is none of those that tensors need; nothing was executed")
            }
            return try foreign(name)
        case .rebuildTensor, .rebuildTensorOfDType: return try tensor(arguments, saysDType: function == .rebuildTensorOfDType)
        case .rebuildParameter, .rebuildParameterWithState:
            guard case .tensor? = arguments.first else { throw malformed("a parameter of what is no tensor") }
            return arguments[0]
        case .size:
            guard arguments.count == 1, let sizes = heap.integers(arguments[0]) else { throw malformed("a torch.Size of no integers") }
            return .tuple(try sequence(sizes.map(PickleValue.integer)))
        case .device: return .other
        case .storage, .dtype, .foreignDType: throw unsupported("a call of a dtype or storage class")
        }
    }

    /// (function, class, arguments, state) of a tensor with attributes, or of a subclass: what the function makes.
    private mutating func rebuildFromType(_ arguments: [PickleValue]) throws -> PickleValue {
        guard arguments.count == 4, case .global(let function) = arguments[0], function != .rebuildFromType,
            case .tuple(let place) = arguments[2]
        else { throw malformed("a tensor of a type without the call that makes it") }
        return try call(function, heap.sequences[place])
    }

    /// The pairs that an ordered dictionary may be made from at once.
    private func pairs(_ arguments: [PickleValue]) throws -> [(key: PickleValue, value: PickleValue)] {
        guard let first = arguments.first else { return [] }
        guard arguments.count == 1, let list = heap.elements(first) else { throw malformed("an OrderedDict of no pairs") }
        return try list.map { entry in
            guard let pair = heap.elements(entry), pair.count == 2 else { throw malformed("an OrderedDict of no pairs") }
            return (pair[0], pair[1])
        }
    }

    /// (storage, offset, size, stride, requires_grad, hooks, [dtype], [metadata]): version 3 has the dtype.
    private mutating func tensor(_ arguments: [PickleValue], saysDType: Bool) throws -> PickleValue {
        let required = saysDType ? 7 : 6
        guard arguments.count == required || arguments.count == required + 1, case .storage(let place) = arguments[0],
            let offset = arguments[1].integer, let sizes = heap.integers(arguments[2]), let strides = heap.integers(arguments[3])
        else { throw malformed("a tensor without storage, offset, sizes and strides") }
        let storage = heap.storages[place]
        let dtype: DType
        switch (saysDType ? arguments[6] : .none, storage.type) {
        case (.global(.dtype(let named)), _): dtype = named
        case (.global(.foreignDType(let name)), _): throw unsupported("a tensor of dtype torch.\(name), which cannot be carried")
        case (.none, .typed(let typed)) where !saysDType: dtype = typed
        default: throw malformed("a tensor without a dtype")
        }
        if arguments.count > required, !isEmpty(arguments[required]) {
            throw unsupported("a tensor with conjugated or negated elements that are not stored so")
        }
        guard heap.tensors.count < PickleMachine.maximumTensors else { throw malformed("over \(PickleMachine.maximumTensors) tensors") }
        do {
            heap.tensors.append(try StridedTensor(storage, dtype, offset: offset, sizes: sizes, strides: strides))
        } catch let error as StridedTensor.Failure {
            throw malformed("a tensor of storage '\(storage.key.prefix(80))' \(error.description)")
        }
        return .tensor(heap.tensors.count - 1)
    }

    private func isEmpty(_ value: PickleValue) -> Bool {
        switch value {
        case .none: return true
        case .dictionary(let place): return heap.dictionaries[place].isEmpty
        default: return false
        }
    }

    static let maximumTensors = 1 << 18

    /// ('storage', class, key, location, number of elements), and in old files a sixth member for views.
    mutating func storage(_ id: PickleValue) throws -> PickleValue {
        guard case .tuple(let place) = id else { throw malformed("a persistent id that is no tuple") }
        let parts = heap.sequences[place]
        if parts.count > 1, case .global(.foreign(let name)) = parts[1] {
            throw unsupported("storage class '\(name)' is none of those that can be carried")
        }
        guard parts.count == 5 || parts.count == 6, parts[0].string == "storage", case .global(.storage(let type)) = parts[1],
            let key = parts[2].string, let count = parts[4].integer, count >= 0
        else { throw malformed("a persistent id that names no storage") }
        if parts.count == 6, !isEmpty(parts[5]) { throw unsupported("a storage that is a view of another") }
        var width = 1
        if case .typed(let dtype) = type { width = dtype.byteWidth }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: width)
        guard !overflow else { throw malformed("a storage of \(count) elements") }
        try self.count(1)
        heap.storages.append(StorageRecord(key: key, type: type, byteCount: bytes))
        return .storage(heap.storages.count - 1)
    }
}
