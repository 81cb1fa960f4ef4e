import FormatKit
import ModelGraph
import StrictJSON

/// How pictures are made ready, from preprocessor_config.json or processor_config.json.
struct VisionProcessor {
    let name: String
    let json: JSONValue
    /// Means and standard deviations of colours, which pictures are normalised by.
    let mean: [MetadataValue]
    let deviation: [MetadataValue]
    private let path: String

    /// - Throws: `FormatError.unsupported` where neither file says means and deviations; `FormatError.malformed` for JSON that is none.
    init(_ graph: TensorGraph, path: String) throws {
        for name in ["preprocessor_config.json", "processor_config.json"] {
            guard let file = graph.attachment(name) else { continue }
            let json = try JSONValue(parsing: file.bytes, path: name, object: name, takesInfinity: true)
            let own = json["image_processor"] ?? json
            guard let mean = VisionProcessor.colours(own["image_mean"]), let deviation = VisionProcessor.colours(own["image_std"]) else {
                continue
            }
            (self.name, self.json, self.mean, self.deviation, self.path) = (name, own, mean, deviation, path)
            return
        }
        throw FormatError.unsupported(
            path, "preprocessor_config.json", "is not there, or does not say image_mean and image_std, which an mmproj file has")
    }

    /// What the longer side of a picture is made before it is cut into tiles.
    func longestEdge() throws -> Int {
        guard let edge = json["size"]?["longest_edge"]?.integer else {
            throw FormatError.unsupported(path, name, "does not say the longest_edge of size, which an mmproj file has")
        }
        return edge
    }

    private static func colours(_ value: JSONValue?) -> [MetadataValue]? {
        guard let list = value?.array, list.count == 3 else { return nil }
        let numbers = list.compactMap(\.number).map { Float($0) }.filter(\.isFinite)
        return numbers.count == 3 ? numbers.map(MetadataValue.float32) : nil
    }
}
