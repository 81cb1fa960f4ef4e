/// A model: tensors in file order, metadata, the files that travel with them, and what is known of the architecture.
///
/// Tensor names are those of the Hugging Face checkpoint of the architecture, whatever format the graph came from.
public struct TensorGraph: Sendable {
    public private(set) var tensors: [Tensor] = []
    private var positions: [String: Int] = [:]
    /// Typed key-value pairs of the source, in order.
    public var metadata = Metadata()
    /// config.json, tokenizer.model, tokenizer.json and the like.
    public var attachments: [Attachment] {
        get { files }
        set {
            files = newValue
            filePositions = Dictionary(newValue.enumerated().map { ($1.name, $0) }) { first, _ in first }
        }
    }
    private var files: [Attachment] = []
    private var filePositions: [String: Int] = [:]
    /// Names that stand for another tensor's values, such as a tied output head. Many are set at once, not one after the other.
    public var ties: [Tie] = [] {
        didSet { tieTargets = Dictionary(ties.map { ($0.name, $0.target) }) { first, _ in first } }
    }
    private var tieTargets: [String: String] = [:]
    /// Blocks and input groups; empty when the architecture is unknown.
    public var structure = GraphStructure()
    /// Hyperparameters that the reader found where no attachment says them; nil otherwise.
    public var configuration: (any ArchitectureConfiguration)?
    /// What made the model, in order, where its format keeps that apart from metadata.
    public var provenance: [(key: String, value: String)] = []
    /// The files and folders that the graph was read from, which no writer may replace.
    public var sources: [FileStamp] = []
    /// How the files that the graph was read from say what is in them, where that is not as they would be written: what writes the same format again
    /// takes these while they fit the tensors, so that the files come back byte for byte.
    public var fileHeaders: [FileHeader] = []

    public init() {}

    /// Adds a tensor at the end.
    ///
    /// - Throws: `GraphError.inconsistent` for a name that is there already or a tensor that contradicts itself.
    public mutating func append(_ tensor: Tensor) throws {
        guard positions[tensor.name] == nil else {
            throw GraphError.inconsistent("tensor '\(tensor.name)'", "appears twice")
        }
        try tensor.checkInvariants()
        positions[tensor.name] = tensors.count
        tensors.append(tensor)
    }

    /// The tensor of that name, tied names followed.
    public subscript(name: String) -> Tensor? {
        if let position = positions[name] { return tensors[position] }
        guard let target = tieTargets[name], let position = positions[target] else { return nil }
        return tensors[position]
    }

    public func contains(_ name: String) -> Bool { positions[name] != nil }

    /// Replaces the payload of a tensor.
    ///
    /// - Throws: `GraphError.inconsistent` when there is no such tensor or the payload has another shape.
    public mutating func setPayload(_ payload: Payload, of name: String) throws {
        guard let position = positions[name] else { throw GraphError.inconsistent("tensor '\(name)'", "is not in the graph") }
        var tensor = tensors[position]
        tensor.payload = payload
        try tensor.checkInvariants()
        tensors[position] = tensor
    }

    public mutating func setRole(_ role: TensorRole, of name: String) {
        if let position = positions[name] { tensors[position].role = role }
    }

    public var parameterCount: Int { tensors.reduce(0) { $0 + $1.payload.parameterCount } }
    public var byteCount: Int { tensors.reduce(0) { $0 + $1.payload.byteCount } }

    /// The attachment of that file name.
    public func attachment(_ name: String) -> Attachment? { filePositions[name].map { files[$0] } }

    /// Adds an attachment, or replaces the one of the same name.
    public mutating func attach(_ attachment: Attachment) {
        if let position = filePositions[attachment.name] {
            files[position] = attachment
        } else {
            filePositions[attachment.name] = files.count
            files.append(attachment)
        }
    }
}

/// The hyperparameters of an architecture, which a graph carries and does not look into.
public protocol ArchitectureConfiguration: Sendable {}

/// A file that belongs to the model, carried byte for byte.
public struct Attachment: Sendable {
    /// A plain file name without a folder.
    public let name: String
    public let bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// What a file of a format has before its tensors' data, byte for byte; or a file of a folder that has no tensors.
public struct FileHeader: Sendable, Equatable {
    /// The format.
    public let format: String
    /// The file's name in its folder; empty for a file that was read by itself.
    public let name: String
    public let bytes: [UInt8]

    public init(format: String, name: String, bytes: [UInt8]) { (self.format, self.name, self.bytes) = (format, name, bytes) }
}

/// A name whose values are another tensor's.
public struct Tie: Hashable, Sendable {
    public let name: String
    public let target: String

    public init(name: String, target: String) {
        self.name = name
        self.target = target
    }
}
