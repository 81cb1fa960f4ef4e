import FormatKit

/// Runs the pickle opcodes that checkpoints have. Nothing is imported, called or evaluated: a global is a name in a fixed list, or opaque.
struct PickleMachine {
    static let maximumByteCount = 16 << 20
    static let maximumDepthOfStack = 1 << 20
    static let maximumMemo = 1 << 20
    /// Of all tuples, lists and dictionaries together.
    static let maximumElements = 1 << 22
    static let maximumTextBytes = 16 << 20

    private(set) var reader: ByteReader
    let object: String
    var heap = PickleHeap()
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var elementCount = 0
    /// Where the opcode at hand begins.
    private var position = 0

    init(_ reader: ByteReader, object: String) {
        self.reader = reader
        self.object = object
    }

    /// Runs one pickle to its end and returns its value.
    ///
    /// - Throws: `FormatError.malformed` for what is no pickle or goes over a limit, `.unsupported` naming an opcode or global that
    ///   tensors do not need.
    mutating func run() throws -> PickleValue {
        (stack, marks, memo) = ([], [], [:])
        let start = reader.offset
        position = start
        guard try reader.integer(UInt8.self, object) == PickleOpcode.proto.rawValue,
            (2...5).contains(try reader.integer(UInt8.self, object))
        else {
            throw malformed("no pickle of protocol 2 to 5 begins here")
        }
        while true {
            position = reader.offset
            guard position - start <= PickleMachine.maximumByteCount else {
                throw malformed("the pickle is over \(PickleMachine.maximumByteCount) bytes long")
            }
            let byte = try reader.integer(UInt8.self, object)
            guard let opcode = PickleOpcode(rawValue: byte) else {
                throw unsupported("opcode \(PickleOpcode.name(byte)) is none of those that tensors need")
            }
            if opcode == .stop { break }
            try step(opcode)
        }
        guard stack.count == 1, marks.isEmpty, let value = stack.first else {
            throw malformed("the pickle ends with \(stack.count) values")
        }
        return value
    }

    func malformed(_ message: String) -> FormatError { .malformed(reader.path, object, "byte \(position): \(message)") }
    func unsupported(_ message: String) -> FormatError { .unsupported(reader.path, object, "byte \(position): \(message)") }

    private mutating func step(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .proto, .stop: throw malformed("a pickle begins inside another")
        case .frame: _ = try reader.take(8, object)
        case .none: try push(.none)
        case .newTrue: try push(.bool(true))
        case .newFalse: try push(.bool(false))
        case .binInt: try push(.integer(Int(try reader.integer(Int32.self, object))))
        case .binInt1: try push(.integer(Int(try reader.integer(UInt8.self, object))))
        case .binInt2: try push(.integer(Int(try reader.integer(UInt16.self, object))))
        case .long1: try push(try long(Int(try reader.integer(UInt8.self, object))))
        case .long4: try push(try long(Int(try reader.integer(UInt32.self, object))))
        case .binFloat: try push(.number(Double(bitPattern: UInt64(bigEndian: try reader.integer(UInt64.self, object)))))
        case .binUnicode, .binString: try push(.string(try text(Int(try reader.integer(UInt32.self, object)))))
        case .binUnicode8: try push(.string(try text(try reader.count(object))))
        case .binBytes, .shortBinBytes, .binBytes8, .byteArray8: try pushBytes(opcode)
        case .emptySet, .addItems, .frozenSet, .newObject, .newObjectNamed: try makeForeign(opcode)
        case .shortBinUnicode, .shortBinString: try push(.string(try text(Int(try reader.integer(UInt8.self, object)))))
        case .mark, .pop, .popMark, .duplicate: try arrange(opcode)
        case .emptyTuple, .tuple, .tuple1, .tuple2, .tuple3: try makeTuple(opcode)
        case .emptyList, .append, .appends, .emptyDict, .setItem, .setItems: try fill(opcode)
        case .binPut, .longBinPut, .memoize, .binGet, .longBinGet: try remember(opcode)
        case .global: try push(.global(global(module: try line(), name: try line())))
        case .stackGlobal:
            guard let name = try pop().string, let module = try pop().string else { throw malformed("a global without a name") }
            try push(.global(global(module: module, name: name)))
        case .reduce:
            let arguments = try pop()
            guard case .tuple(let place) = arguments else { throw malformed("a call without a tuple of arguments") }
            switch try pop() {
            case .global(let function): try push(try call(function, heap.sequences[place]))
            case .foreign(let name): try push(.foreign(name))
            default: throw malformed("a call of what is no global")
            }
        case .build:
            _ = try pop()
            // The attributes of an ordered dictionary, such as the versions of a module's parts, or of an object that stays opaque.
            switch stack.last {
            case .dictionary?, .foreign?, .other?: break
            default: throw unsupported("BUILD sets the state of what is neither a dictionary nor an object")
            }
        case .binPersistentID: try push(try storage(try pop()))
        }
    }

    // MARK: - Stack

    private mutating func push(_ value: PickleValue) throws {
        guard stack.count < PickleMachine.maximumDepthOfStack else {
            throw malformed("over \(PickleMachine.maximumDepthOfStack) values on the stack")
        }
        stack.append(value)
    }

    private mutating func pop() throws -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.popLast() else { throw malformed("takes a value from an empty stack") }
        return value
    }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw malformed("goes back to a mark that is not there") }
        let values = Array(stack[mark...])
        stack.removeLast(values.count)
        return values
    }

    private mutating func arrange(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .mark:
            guard marks.count < PickleMachine.maximumDepthOfStack else {
                throw malformed("over \(PickleMachine.maximumDepthOfStack) marks")
            }
            marks.append(stack.count)
        case .popMark: _ = try popToMark()
        case .duplicate:
            let value = try pop()
            try push(value)
            try push(value)
        default: _ = try pop()
        }
    }

    private mutating func remember(_ opcode: PickleOpcode) throws {
        func put(_ index: Int) throws {
            guard let value = stack.last else { throw malformed("remembers a value of an empty stack") }
            guard memo.count < PickleMachine.maximumMemo else { throw malformed("remembers over \(PickleMachine.maximumMemo) values") }
            memo[index] = value
        }
        func get(_ index: Int) throws {
            guard let value = memo[index] else { throw malformed("recalls value \(index), which was never remembered") }
            try push(value)
        }
        switch opcode {
        case .binPut: try put(Int(try reader.integer(UInt8.self, object)))
        case .longBinPut: try put(Int(try reader.integer(UInt32.self, object)))
        case .memoize: try put(memo.count)
        case .binGet: try get(Int(try reader.integer(UInt8.self, object)))
        default: try get(Int(try reader.integer(UInt32.self, object)))
        }
    }

    // MARK: - Containers

    mutating func count(_ elements: Int) throws {
        elementCount += elements
        guard elementCount <= PickleMachine.maximumElements else { throw malformed("over \(PickleMachine.maximumElements) elements") }
    }

    /// A new sequence's place.
    mutating func sequence(_ elements: [PickleValue]) throws -> Int {
        try count(elements.count + 1)
        heap.sequences.append(elements)
        return heap.sequences.count - 1
    }

    /// A new dictionary's place.
    mutating func dictionary(_ members: [(key: PickleValue, value: PickleValue)]) throws -> Int {
        try count(members.count + 1)
        heap.dictionaries.append(members)
        return heap.dictionaries.count - 1
    }

    private mutating func makeTuple(_ opcode: PickleOpcode) throws {
        var elements: [PickleValue] = []
        switch opcode {
        case .tuple: elements = try popToMark()
        case .tuple1: elements = [try pop()]
        case .tuple2: elements = [try pop(), try pop()].reversed()
        case .tuple3: elements = [try pop(), try pop(), try pop()].reversed()
        default: break
        }
        try push(.tuple(try sequence(elements)))
    }

    private mutating func fill(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .emptyList: try push(.list(try sequence([])))
        case .emptyDict: try push(.dictionary(try dictionary([])))
        case .append, .appends:
            let elements = opcode == .append ? [try pop()] : try popToMark()
            try count(elements.count)
            if case .foreign? = stack.last { return }
            guard case .list(let place)? = stack.last else { throw malformed("appends to what is no list") }
            heap.sequences[place] += elements
        default:
            let flat = opcode == .setItem ? [try pop(), try pop()].reversed() : try popToMark()
            guard flat.count % 2 == 0 else { throw malformed("sets a key without a value") }
            try count(flat.count / 2)
            if case .foreign? = stack.last { return }
            guard case .dictionary(let place)? = stack.last else { throw malformed("sets members of what is no dictionary") }
            for index in stride(from: 0, to: flat.count, by: 2) { heap.dictionaries[place].append((flat[index], flat[index + 1])) }
        }
    }

    /// Sets, and objects of classes that stay opaque.
    private mutating func makeForeign(_ opcode: PickleOpcode) throws {
        switch opcode {
        case .emptySet: try push(try foreign("set"))
        case .frozenSet:
            _ = try popToMark()
            try push(try foreign("frozenset"))
        case .addItems:
            try count(try popToMark().count)
            guard case .foreign? = stack.last else { throw malformed("adds to what is no set") }
        default:
            if opcode == .newObjectNamed { _ = try pop() }
            _ = try pop()
            switch try pop() {
            case .global(.orderedDictionary), .global(.defaultDictionary): try push(.dictionary(try dictionary([])))
            case .global(.foreign(let name)): try push(try foreign(name))
            case .foreign(let name): try push(.foreign(name))
            default: throw malformed("a new object of what is no class")
            }
        }
    }

    /// An object of a class that says nothing about tensors.
    mutating func foreign(_ name: String) throws -> PickleValue {
        try count(1)
        heap.classes.append(name)
        return .foreign(heap.classes.count - 1)
    }

    // MARK: - Scalars

    /// Bytes, which say nothing about tensors.
    private mutating func pushBytes(_ opcode: PickleOpcode) throws {
        let length: Int
        switch opcode {
        case .shortBinBytes: length = Int(try reader.integer(UInt8.self, object))
        case .binBytes: length = Int(try reader.integer(UInt32.self, object))
        default: length = try reader.count(object)
        }
        _ = try reader.take(length, object)
        try push(.other)
    }

    /// A little-endian two's complement number; what does not fit in 64 bits says nothing about tensors.
    private mutating func long(_ length: Int) throws -> PickleValue {
        let bytes = try reader.take(length, object)
        guard bytes.count <= 8 else { return .other }
        guard let last = bytes.last else { return .integer(0) }
        var value: Int = last & 0x80 == 0 ? 0 : -1
        for byte in bytes.reversed() { value = value << 8 | Int(byte) }
        return .integer(value)
    }

    private mutating func text(_ length: Int) throws -> String {
        guard length <= PickleMachine.maximumTextBytes else {
            throw malformed("text of \(length) bytes; \(PickleMachine.maximumTextBytes) are allowed")
        }
        return try reader.string(length: length, object)
    }

    private mutating func line() throws -> String {
        let limit = 256
        let rest = reader.bytes[reader.offset...].prefix(limit)
        guard let end = rest.firstIndex(of: 0x0A) else { throw malformed("a global's name without an end") }
        let text = try reader.string(length: end - reader.offset, object)
        _ = try reader.take(1, object)
        return text
    }

    private func global(module: String, name: String) -> PickleGlobal {
        PickleGlobal("\(module.prefix(100)).\(name.prefix(100))")
    }
}
