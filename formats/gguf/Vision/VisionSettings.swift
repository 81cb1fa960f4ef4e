import Architectures
import FormatKit
import ModelGraph
import StrictJSON

/// What config.json and preprocessor_config.json say of a vision tower and projector, as far as llama.cpp's files do.
struct VisionSettings {
    enum Kind: String {
        /// CLIP and two layers (LLaVA 1.5).
        case llava
        /// SigLIP, means of patches, and one layer.
        case gemma3
        case qwen2 = "qwen2_vl"
        case qwen25 = "qwen2_5_vl"
    }

    let kind: Kind
    /// Blocks that are run: fewer than there are where an earlier one's outputs are what is projected.
    let blockCount: Int
    let metadata: [(key: String, value: MetadataValue)]
    /// More blocks than any tower has.
    private static let maximumBlockCount = 1 << 10

    /// - Throws: `FormatError.unsupported` for what llama.cpp's file does not say; `FormatError.malformed` for JSON that is none.
    init(_ graph: TensorGraph, path: String) throws {
        guard let file = graph.attachment(ModelConfiguration.fileName), let configuration = try ModelConfiguration(of: graph),
            let type = configuration.vision?.modelType
        else { throw FormatError.unsupported(path, "", "the model does not see: an mmproj file is of one that does") }
        let json = try JSONValue(parsing: file.bytes, path: file.name, object: "config.json", takesInfinity: true)
        guard let kind = Kind(rawValue: type) else {
            throw FormatError.unsupported(
                path, "config.json", "there is no mmproj for \(type); for llava, gemma3, qwen2_vl and qwen2_5_vl there is")
        }
        guard let vision = json["vision_config"] else {
            throw FormatError.unsupported(path, "config.json", "has no object 'vision_config'")
        }
        self.kind = kind
        let reader = VisionReader(kind: kind, json: json, vision: vision, path: path)
        let count = try reader.blockCount()
        guard (1...VisionSettings.maximumBlockCount).contains(count) else { throw reader.unsupported("a number of blocks of \(count)") }
        blockCount = count
        let (mean, deviation) = try VisionSettings.pictureStatistics(graph, path: path)
        var keys: [(key: String, value: MetadataValue)] = [
            ("clip.has_vision_encoder", .bool(true)), ("clip.projector_type", .string(reader.projectorType)),
            ("clip.vision.projection_dim", try reader.count(configuration.hiddenSize)),
            ("clip.vision.block_count", try reader.count(count)),
            ("clip.vision.image_mean", .array(.float32, mean)), ("clip.vision.image_std", .array(.float32, deviation)),
        ]
        keys += try reader.sizes() + reader.activation() + reader.projection()
        metadata = keys
    }

    /// Means and standard deviations of colours, which pictures are normalised by.
    private static func pictureStatistics(_ graph: TensorGraph, path: String) throws -> ([MetadataValue], [MetadataValue]) {
        for name in ["preprocessor_config.json", "processor_config.json"] {
            guard let file = graph.attachment(name) else { continue }
            let json = try JSONValue(parsing: file.bytes, path: name, object: name, takesInfinity: true)
            let own = json["image_processor"] ?? json
            guard let mean = colours(own["image_mean"]), let deviation = colours(own["image_std"]) else { continue }
            return (mean, deviation)
        }
        throw FormatError.unsupported(
            path, "preprocessor_config.json", "is not there, or does not say image_mean and image_std, which an mmproj file has")
    }

    private static func colours(_ value: JSONValue?) -> [MetadataValue]? {
        guard let list = value?.array, list.count == 3 else { return nil }
        let numbers = list.compactMap(\.number).map { Float($0) }.filter(\.isFinite)
        return numbers.count == 3 ? numbers.map(MetadataValue.float32) : nil
    }
}
