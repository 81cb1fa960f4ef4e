import ArgumentParser
import Caplet

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Write a model in another format, or with another dtype.",
        discussion: """
            Without --dtype every value arrives as it was, or a warning says what the format cannot carry. \
            --dtype q8_0 stores matrices in blocks of 32 with 8 bits each, as llama.cpp's Q8_0, and everything else as F32; \
            q4_0, q4_1, q5_0 and q5_1 do so with 4 and 5 bits, and q2_k to q6_k in blocks of 256 with 2 to 6 bits and the least error \
            that is found. \
            GGUF keeps these blocks, other formats the floats that they decode to.

            --metadata edits the output's metadata: KEY=VALUE keeps the type of a key that is there, KEY:TYPE=VALUE says it (u8 i8 u16 i16 \
            u32 i32 u64 i64 f32 f64 bool str, or an array such as u32[] with a JSON value), KEY= removes the key. In GGUF these are the \
            file's keys, in safetensors the strings of __metadata__.

            --as lora writes low-rank terms as a LoRA adapter beside a base with the rest: OUTPUT.gguf and OUTPUT-lora.gguf for llama.cpp, \
            or the folders OUTPUT and OUTPUT-lora for transformers and PEFT. --dtype is then the base's.

            A GGUF file of a model that sees holds its language model. --mmproj FILE writes the vision tower and the projector too, as llama.cpp \
            loads them beside it: matrices in the dtype that they have, all else in F32.

            caplet convert model-folder -o model.gguf
            caplet convert vision-model-folder -o model.gguf --mmproj mmproj-model.gguf
            caplet convert model.gguf -o model-folder --to safetensors
            """)

    @Argument(help: "The model: a file or a folder of any format.")
    var model: String

    @Argument(help: ArgumentHelp("Where to write, if not given as --output.", valueName: "output"))
    var positionalOutput: String?

    @Option(name: [.short, .long], help: "Where to write: a file, or a folder with --to.")
    var output: String?

    @Option(help: "Format of the model, instead of looking at it.")
    var from: String?

    @Option(help: "Format to write, instead of what the output's name says.")
    var to: String?

    @Option(
        help: """
            Store float tensors as this: \(FloatStorage.names.joined(separator: ", ")); or as one of llama-quantize's mixtures: \
            \(GGUFMixture.allCases.map(\.rawValue).joined(separator: ", ")).
            """)
    var dtype: String?

    @Option(
        help: ArgumentHelp(
            "Store tensors of some names as another dtype: a part of the name in GGUF or in the checkpoint, or a pattern with * and ?. May be repeated.",
            valueName: "pattern=dtype"))
    var tensorType: [String] = []

    @Option(help: "llama.cpp's importance matrix of the model, by which the errors of blocks are weighed.")
    var imatrix: String?

    @Option(
        name: .customLong("as"), help: "What low-rank terms become: part of the model, or a LoRA adapter beside it (gguf, safetensors).")
    var representation: Representation = .model

    @Option(help: "Where to write the adapter; the default is the output's name with -lora.")
    var adapter: String?

    @Option(help: "How the adapter is stored: f32, f16, bf16, or q8_0 for GGUF.")
    var adapterDtype = "f16"

    @Option(
        help: ArgumentHelp(
            "Write what a language model sees with to this file, for llama.cpp beside its GGUF file (LLaVA, Gemma 3, Qwen-VL, Mistral 3, InternVL, "
                + "SmolVLM, Idefics 3, Llama 4).",
            valueName: "file"))
    var mmproj: String?

    @Option(help: "What arrays of NumPy's dtype V1 are, which says no more than that elements have one byte: f8_e4m3 or f8_e5m2.")
    var byteDtype: ByteDType?

    @Flag(
        help: """
            Make floats of weights that other tools have quantised: FP8, GPTQ, AWQ, compressed-tensors, bitsandbytes, MXFP4, NVFP4; in the dtype \
            that their library decodes to, or as --dtype says.
            """)
    var dequantize = false

    @Flag(help: "The same for 8-bit floats alone: multiply them by their scales and store them as BF16, or as --dtype says.")
    var dequantizeFp8 = false

    @Option(help: "Split the weights into files of at most this size, such as 5GB.")
    var maxShardSize: ByteLimit?

    @Option(help: ArgumentHelp("Change the output's metadata; may be repeated.", valueName: "key=value"))
    var metadata: [String] = []

    @Option(help: "Byte order of the output: little or big, for GGUF.")
    var endian: Endianness = .little

    @Flag(
        help:
            "Write a GGUF file of a model that llama.cpp would not load: with tensors that it does not know, or without some that it wants."
    )
    var forceNames = false

    @Flag(
        inversion: .prefixedNo,
        help: """
            Put copies of all files of the model's folder into a GGUF file, so that converting it back gives them byte for byte; its own keys say \
            what llama.cpp needs of them. Without --dtype, --tensor-type and --as they are there if nothing else is said.
            """)
    var embedFiles: Bool?

    @Flag(help: "List what would be written, and write nothing.")
    var dryRun = false

    @Flag(help: "Replace what is at the output.")
    var force = false

    @OptionGroup var common: CommonOptions

    /// The output, whichever way it was given; `validate` has seen to it that it was.
    private var destination: String { output ?? positionalOutput ?? "" }

    func validate() throws {
        guard (output == nil) != (positionalOutput == nil) else { throw ValidationError("give one output: -o OUTPUT, or a second path") }
        do {
            _ = try metadata.map(MetadataEdit.init(parsing:))
        } catch let failure as MetadataEdit.Failure {
            throw ValidationError("--metadata: \(failure)")
        }
        if let dtype, FloatStorage(name: dtype) == nil, GGUFMixture(rawValue: dtype.lowercased()) == nil {
            let names = FloatStorage.names + GGUFMixture.allCases.map(\.rawValue)
            throw ValidationError("--dtype takes one of \(names.joined(separator: ", ")), not '\(dtype)'")
        }
        _ = try tensorType.map(ConvertCommand.tensorStorage)
        guard ["f32", "f16", "bf16", "q8_0"].contains(adapterDtype.lowercased()) else {
            throw ValidationError("--adapter-dtype takes one of f32, f16, bf16, q8_0, not '\(adapterDtype)'")
        }
        if adapter != nil, representation != .lora { throw ValidationError("--adapter goes with --as lora") }
        if dryRun, mmproj != nil { throw ValidationError("--dry-run and --mmproj exclude each other") }
        if dryRun, representation == .lora { throw ValidationError("--dry-run and --as lora exclude each other") }
    }

    func run() throws {
        try Session.run(common) { session in
            let request = try self.request()
            if dryRun {
                try ConversionPlanReport(plan: session.perform(ConversionPlanRequest(request))).print(session)
            } else {
                try ConversionReport(output: destination, result: session.perform(request)).print(session)
            }
            return .done
        }
    }

    private func request() throws -> ConversionRequest {
        var request = ConversionRequest(model: model, output: destination)
        request.format = from
        request.outputFormat = to
        request.byteDType = byteDtype?.dtype
        request.storage = dtype.flatMap(FloatStorage.init(name:))
        request.mixture = dtype.flatMap { GGUFMixture(rawValue: $0.lowercased()) }
        request.tensorStorage = try tensorType.map(ConvertCommand.tensorStorage)
        request.importancePath = imatrix
        if representation == .lora {
            var options = AdapterOptions()
            options.path = adapter
            options.storage = FloatStorage(name: adapterDtype) ?? options.storage
            request.adapter = options
        }
        request.visionPath = mmproj
        request.dequantization = dequantize ? .every : dequantizeFp8 ? .fp8 : nil
        request.maximumShardBytes = maxShardSize?.bytes
        request.metadataEdits = try metadata.map(MetadataEdit.init(parsing:))
        request.byteOrder = endian.order
        request.forcesNames = forceNames
        request.embedsFiles = embedFiles
        request.replacesOutput = force
        return request
    }
}

extension ConvertCommand {
    /// What `PATTERN=DTYPE` spells.
    fileprivate static func tensorStorage(_ text: String) throws -> GGUFQuantization.Exception {
        let parts = text.split(separator: "=", omittingEmptySubsequences: false)
        guard parts.count == 2, let pattern = NamePattern(String(parts[0])) else {
            throw ValidationError("--tensor-type takes PATTERN=DTYPE, not '\(text)'")
        }
        guard let storage = FloatStorage(name: String(parts[1])) else {
            throw ValidationError("--tensor-type takes one of \(FloatStorage.names.joined(separator: ", ")), not '\(parts[1])'")
        }
        return GGUFQuantization.Exception(pattern, storage)
    }
}

/// What `convert --byte-dtype` takes.
enum ByteDType: String, ExpressibleByArgument, CaseIterable {
    case f8_e4m3, f8_e5m2

    var dtype: DType { self == .f8_e4m3 ? .f8E4M3 : .f8E5M2 }
}

/// What `convert --as` makes of low-rank terms.
enum Representation: String, ExpressibleByArgument, CaseIterable {
    /// Everything in one: low-rank terms are made dense, or kept by formats that can.
    case model
    /// Low-rank terms as a LoRA adapter beside a base with the rest.
    case lora
}
