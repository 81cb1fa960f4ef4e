import FormatKit
import ModelGraph

/// What a file holds and where (SPEC.md, "Manifest").
struct Manifest {
    struct Entry {
        let name: String
        let shape: Shape
        let dtype: DType
        let role: TensorRole
        /// Whether the Hugging Face checkpoint has rows and columns exchanged.
        let isTransposedInCheckpoint: Bool
        let payload: StoredPayload
    }

    struct File {
        let name: String
        let part: Part
    }

    /// What a file that the model was read from had before its tensors.
    struct Header {
        let format: String
        let name: String
        let part: Part
    }

    /// A long array of metadata, which has a part instead of a place in the JSON.
    struct LongArray {
        let type: MetadataType
        let count: Int
        let part: Part
    }

    enum Value {
        case inline(MetadataValue)
        case part(LongArray)
    }

    static let version = Int(ContainerHeader.version)
    static let generator = "caplet"

    var generator = Manifest.generator
    var provenance: [(key: String, value: String)] = []
    /// Of all that the file holds; nil in files of version 1.0.
    var sha256: SHA256Digest?
    var metadata: [(key: String, value: Value)] = []
    var ties: [Tie] = []
    var attachments: [File] = []
    var tensors: [Entry] = []
    /// They are no content: a model is the same with them and without.
    var headers: [Header] = []

    /// All parts in the order of the file, each with the object it belongs to.
    var parts: [(object: String, part: Part)] {
        firstParts + tensors.flatMap { $0.payload.parts("tensor '\($0.name)'") } + headerParts
    }

    /// The parts that are decoded when a file is opened: long metadata arrays, attachments and headers.
    var eagerParts: [(object: String, part: Part)] { firstParts + headerParts }

    private var headerParts: [(object: String, part: Part)] { headers.map { ("header '\($0.name)'", $0.part) } }

    private var firstParts: [(object: String, part: Part)] {
        var parts: [(object: String, part: Part)] = []
        for (key, value) in metadata {
            if case .part(let array) = value { parts.append(("metadata '\(key)'", array.part)) }
        }
        for file in attachments { parts.append(("attachment '\(file.name)'", file.part)) }
        return parts
    }

    /// - Throws: `FormatError.malformed` unless the parts, in their order, fill the bytes from the header to `manifestOffset`
    ///   without a gap and without sharing any, each with sound numbers.
    func checkTiling(manifestOffset: Int, path: String) throws {
        var offset = ContainerHeader.byteCount
        for (object, part) in parts {
            if let defect = part.defect(limit: manifestOffset) { throw FormatError.malformed(path, object, defect) }
            guard part.offset == offset else {
                throw FormatError.malformed(path, object, "begins at \(part.offset); the part before it ends at \(offset)")
            }
            offset += part.storedByteCount
        }
        guard offset == manifestOffset else {
            throw FormatError.malformed(path, "manifest", "\(manifestOffset - offset) bytes before it belong to no part")
        }
    }
}
