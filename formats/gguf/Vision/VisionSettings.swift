import Architectures
import FormatKit
import ModelGraph
import StrictJSON

/// What config.json and preprocessor_config.json say of a vision tower and projector, as far as llama.cpp's files do.
struct VisionSettings {
    let kind: VisionKind
    /// Blocks that are run: fewer than there are where an earlier one's outputs are what is projected.
    let blockCount: Int
    /// Whether the key that chooses the block is known, so that later blocks are there for nothing.
    let choosesBlock: Bool
    let headCount: Int
    /// Blocks whose outputs go to the language model's first blocks as well.
    let levels: [Int]
    let metadata: [(key: String, value: MetadataValue)]
    /// More blocks than any tower has.
    private static let maximumBlockCount = 1 << 10

    /// - Throws: `FormatError.unsupported` for what llama.cpp's file does not say; `FormatError.malformed` for JSON that is none.
    init(_ graph: TensorGraph, path: String) throws {
        guard let file = graph.attachment(ModelConfiguration.fileName), let configuration = try ModelConfiguration(of: graph),
            let type = configuration.vision?.modelType
        else { throw FormatError.unsupported(path, "", "the model does not see: an mmproj file is of one that does") }
        let json = try JSONValue(parsing: file.bytes, path: file.name, object: "config.json", takesInfinity: true)
        let known = VisionKind.modelTypes
        guard known.contains(type) else {
            throw FormatError.unsupported(
                path, "config.json",
                "there is no mmproj for \(type); for \(known.dropLast().joined(separator: ", ")) and \(known.last ?? "") there is")
        }
        guard let vision = json["vision_config"] else {
            throw FormatError.unsupported(path, "config.json", "has no object 'vision_config'")
        }
        let tower = vision["model_type"]?.string
        guard let kind = VisionKind(modelType: type, tower: tower) else {
            throw FormatError.unsupported(
                path, "config.json", "has the tower '\((tower ?? "").prefix(40))', which an mmproj file for \(type) does not say")
        }
        self.kind = kind
        let (traits, processor) = (VisionTraits(kind), try VisionProcessor(graph, path: path))
        let reader = VisionReader(kind: kind, traits: traits, json: json, vision: vision, processor: processor, path: path)
        let count = try reader.blockCount()
        guard (1...VisionSettings.maximumBlockCount).contains(count) else { throw reader.unsupported("a number of blocks of \(count)") }
        (blockCount, choosesBlock, levels) = (count, traits.featureLayer != nil, try reader.levels())
        headCount = try reader.size(traits.heads)
        var keys: [(key: String, value: MetadataValue)] = [
            ("clip.has_vision_encoder", .bool(true)), ("clip.projector_type", .string(traits.projector)),
            ("clip.vision.projection_dim", try reader.count(configuration.hiddenSize)),
            ("clip.vision.block_count", try reader.count(count)),
            ("clip.vision.image_mean", .array(.float32, processor.mean)), ("clip.vision.image_std", .array(.float32, processor.deviation)),
        ]
        keys += try reader.sizes() + reader.activation() + reader.projection()
        metadata = keys
    }
}
