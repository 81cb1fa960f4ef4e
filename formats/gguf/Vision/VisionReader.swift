import FormatKit
import ModelGraph
import StrictJSON

/// Reads "vision_config", with what the classes of transformers have where it is silent.
struct VisionReader {
    let kind: VisionKind
    let traits: VisionTraits
    let json: JSONValue
    let vision: JSONValue
    let processor: VisionProcessor
    let path: String

    typealias Entries = [(key: String, value: MetadataValue)]

    func unsupported(_ what: String) -> FormatError {
        .unsupported(path, "config.json", "has \(what), which an mmproj file for \(kind.rawValue) does not say")
    }

    func count(_ value: Int) throws -> MetadataValue {
        guard let number = UInt32(exactly: value), number > 0 else { throw unsupported("a size of \(value)") }
        return .uint32(number)
    }

    /// A size of the tower; one that is said for both sides of a picture has to be the same.
    func size(_ key: String) throws -> Int {
        if let value = vision[key]?.integer { return value }
        if let sides = vision[key]?.array, sides.count == 2, sides[0] == sides[1], let value = sides[0].integer { return value }
        if vision[key] == nil, let value = traits.usual[key] { return value }
        throw FormatError.unsupported(path, "config.json", "has no integer '\(key)' in vision_config")
    }

    /// Whether one of the model's own keys is what it has to be, said or by default.
    func check(_ key: String, in object: JSONValue, is wanted: JSONValue, usual: JSONValue? = nil) throws {
        let value = object[key] ?? usual ?? wanted
        guard value == wanted else { throw unsupported("\(key) other than \(wanted.string ?? wanted.integer.map(String.init) ?? "usual")") }
    }

    /// Blocks up to the one whose outputs are projected.
    func blockCount() throws -> Int {
        let count = try size(traits.blocks)
        guard let usual = traits.featureLayer else { return count }
        guard let layer = json["vision_feature_layer"].map(\.integer) ?? usual else {
            throw unsupported("several values of 'vision_feature_layer'")
        }
        // The first of the hidden states is what the first block reads.
        let place = layer < 0 ? count.addingReportingOverflow(layer + 1) : (layer, false)
        guard !place.1, (1...max(count, 1)).contains(place.0) else { throw unsupported("vision_feature_layer \(layer) of \(count) blocks") }
        return place.0
    }

    func sizes() throws -> Entries {
        let epsilon = traits.epsilon.key.flatMap { vision[$0]?.number } ?? traits.epsilon.usual
        return [
            ("clip.vision.image_size", try count(pictureSize())), ("clip.vision.patch_size", try count(size("patch_size"))),
            ("clip.vision.embedding_length", try count(size(traits.width))), ("clip.vision.feed_forward_length", try count(innerSize())),
            ("clip.vision.attention.head_count", try count(size(traits.heads))),
            ("clip.vision.attention.layer_norm_epsilon", .float32(Float(epsilon))),
        ]
    }

    private func innerSize() throws -> Int {
        guard kind == .qwen2 else { return try size("intermediate_size") }
        let ratio = vision["mlp_ratio"]?.integer ?? 4
        let product = try size(traits.width).multipliedReportingOverflow(by: ratio)
        guard !product.overflow else { throw unsupported("mlp_ratio \(ratio)") }
        return product.partialValue
    }

    /// Of Qwen3-VL the square whose patches have a position each.
    private func pictureSize() throws -> Int {
        guard kind == .qwen3 else { return try size("image_size") }
        let positions = try size("num_position_embeddings")
        guard let side = (1...4096).first(where: { $0 * $0 >= positions }), side * side == positions else {
            throw unsupported("num_position_embeddings \(positions), which is no square")
        }
        let product = try size("patch_size").multipliedReportingOverflow(by: side)
        guard !product.overflow else { throw unsupported("a patch_size") }
        return product.partialValue
    }

    /// x · σ(1.702 x) is what llama.cpp takes where the file names none.
    func activation() throws -> Entries {
        let name = vision["hidden_act"]?.string ?? traits.usualActivation
        switch traits.activations[name] {
        case .quickGELU: return [("clip.use_gelu", .bool(false)), ("clip.use_silu", .bool(false))]
        case .gelu: return [("clip.use_gelu", .bool(true))]
        case .silu: return [("clip.use_silu", .bool(true))]
        case nil: throw unsupported("the activation '\(name.prefix(40))' in vision_config")
        }
    }
}
