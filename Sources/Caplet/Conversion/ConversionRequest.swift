import FormatKit
import GGUFFormat
import ModelGraph
import Models

/// Writes a model in another format, dtype or byte order; or as a base and a LoRA adapter.
public struct ConversionRequest: Request {
    /// The model: a file or a folder of any format.
    public var model: String
    /// Where to write: a file, or a folder with `outputFormat`.
    public var output: String
    /// The model's format; nil to look at it.
    public var format: String?
    /// What elements of one byte are of which the model's file does not say more: F8_E4M3 or F8_E5M2; nil where that is not asked.
    public var byteDType: DType?
    /// The format to write; nil for what the output's name says.
    public var outputFormat: String?
    /// What float tensors are stored as; nil for what they are.
    public var storage: FloatStorage?
    /// One of llama-quantize's mixtures of types in the place of `storage`, for GGUF.
    public var mixture: GGUFMixture?
    /// What tensors of some names are stored as in the place of the above; of several that match the last counts.
    public var tensorStorage: [GGUFQuantization.Exception] = []
    /// A file of llama.cpp's importance matrix, by which blocks' errors are weighed; nil where all errors count alike.
    public var importancePath: String?
    /// What low-rank terms become beside the model; nil where they stay part of it.
    public var adapter: AdapterOptions?
    /// Where what a language model sees with goes, beside its GGUF file; nil to write none.
    public var visionPath: String?
    /// Which weights that other tools have quantised become floats; nil for none.
    public var dequantization: Dequantization?
    /// The most bytes of a file of weights; nil for one file.
    public var maximumShardBytes: Int?
    /// Changes to the output's metadata, in order.
    public var metadataEdits: [MetadataEdit] = []
    /// The order of the bytes of numbers, for formats that have a choice.
    public var byteOrder = ByteReader.Order.little
    /// Whether a GGUF file is written of a model that llama.cpp would not load, with a warning.
    public var forcesNames = false
    /// Whether a GGUF file holds copies of the files of the model's folder, beside what its own keys say of them; nil where it does if nothing is
    /// stored otherwise, so that all of it comes back.
    public var embedsFiles: Bool?
    /// Whether what is at the output is replaced.
    public var replacesOutput = false

    /// A request with what has no default.
    public init(model: String, output: String) {
        self.model = model
        self.output = output
    }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> ConversionResult {
        let conversion = try Conversion(self, context)
        return try conversion.write(context)
    }
}

/// Which quantised weights are decoded.
public enum Dequantization: Sendable {
    /// 8-bit floats with scales, and nothing else.
    case fp8
    /// Those of every scheme that is known: FP8, GPTQ, AWQ, compressed-tensors, bitsandbytes, MXFP4, NVFP4.
    case every
}

/// A LoRA adapter with the low-rank terms of a model.
public struct AdapterOptions: Sendable {
    /// Where the adapter goes; nil for the output's name with "-lora".
    public var path: String?
    /// F32, F16, BF16, or Q8_0 for GGUF.
    public var storage = FloatStorage.plain(.f16)

    /// Everything as it is where nothing is said.
    public init() {}
}

/// What a conversion wrote.
public struct ConversionResult: Sendable {
    /// The name of the format.
    public let format: String
    /// Files and tensors, with their sizes.
    public let plan: WritePlan
    /// Whether the files are parts of one model, none of which has the output's name.
    public let isSplit: Bool
    /// The adapter, where one was asked for.
    public let adapter: WrittenAdapter?
    /// The file with what a language model sees with, where one was asked for.
    public let vision: WrittenVision?
    /// Time of the writing.
    public let seconds: Double
}

/// An adapter beside a base.
public struct WrittenAdapter: Sendable, Encodable {
    /// Where it is.
    public let output: String
    /// Layers that it adapts.
    public let layers: Int
    /// The largest rank of any layer.
    public let largestRank: Int
    /// Its size.
    public let bytes: Int
}

/// A vision tower and projector beside a language model.
public struct WrittenVision: Sendable, Encodable {
    /// Where it is.
    public let output: String
    /// Tensors in it.
    public let tensors: Int
    /// Its size.
    public let bytes: Int
}

/// What a conversion would write, without writing.
public struct ConversionPlanRequest: Request {
    /// The conversion that is planned.
    public var conversion: ConversionRequest

    /// A plan of this request.
    public init(_ conversion: ConversionRequest) { self.conversion = conversion }

    /// Called by a workspace.
    public func perform(in context: RequestContext) throws -> ConversionPlan {
        guard conversion.adapter == nil else {
            throw RequestError(.usage, "what an adapter takes is known when it is written, and not before")
        }
        guard conversion.visionPath == nil else {
            throw RequestError(.usage, "a plan is of one file; the vision tower's is another")
        }
        return try Conversion(conversion, context).plan(context)
    }
}
