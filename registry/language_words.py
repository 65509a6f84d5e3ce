"""The words, stems and endings by which `registry.language` tells one language from another.

Kazakh is written here in its own letters. That people type it without them, and both Kazakh and
Russian in Latin letters, is the reader's concern: it folds these lists the same way. A word
that two lists name is shared. Beginnings are of three to seven letters.
"""

KAZAKH_WORDS = """
мен сен сіз ол біз сіздер олар менің сенің сіздің оның біздің олардың маған саған сізге оған бізге
сіздерге оларға мені сені сізді оны бізді менде сізде онда бізде менен бізден өз өзі өзім өзіңіз
бұл осы сол анау мынау мына ана осында сонда мұнда бұны осыны соны мұны осындай сондай мұндай
бұлар осылай солай бұлай олай кім кімге кімнен неге немене қашан қайда қайдан қандай қалай қанша
нешінші неше қай қайсы нені неден немен несі кімнің кімді мұнша осынша сонша жоқ бар ма ме бе па
пе ия иә әрине емес керек қажет мүмкін болады болмайды болды болған болса бола боп болып болар еді
едім екен екенін шығар ғой қой ғана тек және не немесе әлде бірақ сосын содан кейін дейін бері
үшін туралы бойынша сияқты секілді арқылы қарай ретінде деп деген дейді дегенмен өйткені себебі
сондықтан егер тағы тағыда енді әлі бүгін кеше ертең қазір жаңа бұрын таңертең кешке түнде күндіз
күні түні ұзақ әрдайым әрқашан ылғи үнемі ешқашан ешкім ештеңе ешқандай әр әрбір барлық барлығы
бәрі бәріне бәрін көп аз өте тым ең жақсы жаман үлкен кіші кішкентай ескі таза лас суық ыстық жылы
салқын қараңғы жарық бір екі үш төрт бес алты жеті сегіз тоғыз жүз мың бірінші екінші үшінші
төртінші бесінші екеу үшеу рет ай күн күннен апта жыл сағат минут уақыт мезгіл бұрыннан кешеден
бүгіннен тұр жүр отыр жатыр тұрмын жүрмін отырмын тұрмыз жүрмыз отырмыз жатырмыз кетті келді қалды
алды берді кетіп келіп қалып алып беріп тұрып жатып отырып келеді барады береді алады қалады
кетеді тұрады жүреді жүріп істейді істеп істеу етіп етті ету қылып шықты түсті айтты жазды көрді
сұрадым айттым жаздым келдім бардым алдым бердім көрдім су суды судың суға қар көк жол жолды жолға
жолда жолдың үй үйде үйдің үйге үйім үйіміз ит иттер итті шам газы отын қала қалада ауа шаң түтін
иіс иісі бала балалар балаға баланы халық адам адамдар ел жер жерде жерге ауыл аудан көше аула
есік терезе төбе қабат құбыр тас тосын ағаш арық шара тез тезірек жедел өтініш шағым сұрақ жауап
көмек ұсыныс құжат анықтама ақша төлем айыппұл жеңілдік жұмыс қызмет мәселе себеп шешім нәтиже
әкім әкімдік әкімшілік қызметкер жүргізуші аялдама көлік дұрыс бұрыс қате қиын ауыр жеңіл қауіпті
ұят жетеді жеткілікті қайта қайтадан бірге бөлек алда артта жанында қасында алдында артында
астында үстінде ішінде сыртында маңында арасында бойында жағында қарсы жаққа қашанға қашаннан
әйтпесе алайда ал ақыры мүлдем мүлде тіпті шынымен мынаны басқа бірдей мысалы мысал нұсқа бүкіл
неліктен ретте болу болмау келу кету жүру тұру сөз сөзді тең тиіс төмен түр түрі үлгі тәулік жарты
сізден маган саган ешбір ешнәрсе әйтеуір міне мінекей әне қазіргі нашар аман тыныш қатты сәл біраз
бүтін жарым жартысы
"""
"""Words that only Kazakh has."""

KAZAKH_STEMS = """
біздің сіздің менің көше аула үйдің үйім пәтер қабат жарық жылу суық ыстық қоқыс құбыр жаңбыр
тазал тазарт жөнде салып салын берің айтың жазың жазыл сұрай сұрады келме бермей алмай істеме
жүрме жанбай берілме жатыр отырмы шешіп шешің шешіл шешпе қарап қарай қараң қарама тексер бітел
бұзыл сынған сынып құлап құлаға құлады жарыл ағып ағады ағаш қосыл қосың өшіп өшір өшкен өшті
шулап шулай шуылд айқай ұйықта көрші балабақ балалар баламы мектеп дәрігер аурухан емхана ауырып
ауырад көлік аялда бағдарш бекет қымбат арзан төлей төлеп төлед төлем құжат жеңілд әлеумет зейнет
жәрдем мүгедек мұқтаж тұрмыст шұңқыр орынд саябақ ойынал алаңы қауіп қорқ тістеп қауып қаңғы иттер
мысықт қарда қарды тайға тайып мұздақ сырғана құрылыс сәулет жерді заңсыз өтінем өтіні шағым арызы
сауалы хабарла байланы қоңырау күтіп күтем күтеді күткен алып алынд алыңыз беріп береді бересі
берсе болады болсын болып барады барамы келеді келесі келге кетеді кетіп кетті кеткен түсін білгім
білуге білмей білесі жүреді жүріп жүрге жүруге тұрады тұрған тұрамы істейді істеп істең қалады
қалған қалдым қалдық қайтар қайтып жасап жасал жасаң жасам көрсет көріп көріңі көрге көрме жабық
жабыл ашық ашыл ашып шықпа шығып шығар шығад шықты толып толға жинап жинал төгіп төгіл кесіп
кесілг отырғыз орнат орнын ауыстыр жаңарт қадаға бақыла жұмысы жұмыст қызмет тұрақ көпір жанынд
маңынд алдынд артынд ішінде үстінде астынд арасынд жолаушы қаламы қалала ауданын ауданда шағын
әкімд уақыт бүгін ертең таңер кешке кейін дейін қазірг жылдан жылға айдан айға күннен күнге аптада
сағатта мерзім мәселе себебі шынайы өкініш ренжі наразы қуанышт ризамы разымы рахметт алғыс
құттықт құрмет тілейм жарайс мекен ұсыныс тілек жоспар жоба қаража мемлеке азамат ұялма ұятсыз
сұмдық масқара қойың қояды қоймай қоятын жатқан отырған түскен түсіп түседі түсіріп шаршад шыдам
жетпей жетеді жеткіз кәріз шатыр төбеден есікт терезе жертөл баспалд бейнеба кезекк өткіз өтпе
тосқа түтін иісі шіріг кеміргі тышқан масала бізде бізге сізде оларды мынадай қандай қайда қашан
қалай қанша нешен ешкім ешқан ештең барлығ бәріне бірнеш екінш үшінші төртін бесін мыңдағ жүзден
адамда адамға баласы жасөсп қарттар қарияла ананы анасы әкесі апама атама тәртіп тәртіб анықта
әрекет белгі болашақ болма болса бүтін екенд жағдай қолдан көмек мәлімет міндет нөмір өзгер оқушы
рұқсат сақта сурет табыл табыс таңда тиісті толтыр төмен жаяу жолақ жалғас түзет бұрынғ мынаны
мынадан мысалы бірде тақта сұрақ жауаб жауап жібер жүргі көтер тоқта бөлін бөлме күшті күшей қатты
ауыз айналы айырма әкелі әкеті әкімі әкімнің басшы басқа баста біледі білмед босат дауыс дыбыс
дәріха дүкен ережес жағын жаман жанып жаңадан жарамсы жұмса жүктел жүзеге көбейд көмір көңіл көрін
көшір кірпіш қабыл қабырға қалпына қамта қарсы қауым қоғам қойды қойған қойып қолым құрылғы қысқа
қыста қыстың маманда маңызд мезгіл мүмкін мүшкіл нашар нелікте орман орталық осыған осында отбасы
отырып өзіміз өмірге өркен пайда салқын сатып сөйле сүрту соғып соқты сонда сорғы тағаны талап
танысты тапсыр тараз таста тиым топыра тұрғы түнгі тыныш тыңда ұрлық үйінд халық шаруа шағал шартт
шеше шудан шыдай шыққан айтты айтқ айтып жазды жазған жазып көмбе келіс келтір кеңес үйдег үйдең
қажетт хабарын хабарды тамаша жүрек көктем сыйлау кешігі ақпар
"""
"""Beginnings of words that only Kazakh has."""

KAZAKH_GREETINGS = """
сәлеметсіз сәлеметсіздер салеметсіз саламатсыз саламатсыздар сәлем салем сәлемдеме саламалейкум
ассалаумағалейкум ассаламуалейкум уағалейкумассалам ассалау мағалейкум салам бе ба қайырлы таң кеш
рахмет рақмет рахметтер алғыс құрметпен құрметті өтінемін сау болыңыз сауболыңыз кешіріңіз кешір
бауырым аға апай ағай жарайды
"""
"""What Kazakh begins and ends with: tells the language, yet says nothing of the matter."""

SHARED = """
бар сол ал бери бері беру алу тур тұр кап қап бас бес он от ит кол қол топ тап ата ана апа ма ме
па пе та те ай той нан сен мал том бұл бак бақ кара қара бала тас бара кар ток сын кун сал сары
тен тан тип тура ким су али адам аз кой торт лас шара кран
"""
"""Kazakh words that, typed without Kazakh letters, are also Russian ones."""

KAZAKH_ENDINGS = """
лары лері дары дері тары тері ларды лерді дарды дерді тарды терді ларға лерге дарға дерге тарға
терге ларда лерде дарда терде тарда дерде лардың лердің дардың дердің тардың тердің лардан лерден
тардан терден дардан дерден ларын лерін тарын терін дарын дерін ларына леріне тарына теріне дарына
деріне ларының лерінің тарының терінің дарының дерінің ларында лерінде тарында терінде дарында
дерінде лармен лермен тармен термен дармен дермен ымыз іміз мыз міз сыз сіз ңыз ңіз ыңыз іңіз
ыңыздар іңіздер ңыздар ңіздер сыздар сіздер сыңдар сіңдер ыңдар іңдер ңдар ңдер шы ңызшы ңізші
ңдаршы ңдерші айық ейік айын ейін ның дың тың сының сінің ының інің сына сіне ына сында сінде ында
інде сынан сінен ынан інен нан ын сын сін дағы дегі тағы тегі ндағы ндегі ғы йды йді йдым йдім
ймын ймін йсың йсің йсыз йсіз ймыз йміз йсыздар йсіздер майды мейді байды бейді пайды пейді маймыз
мейміз маймын меймін байсыз бейсіз майсыз мейсіз майсыздар мейсіздер бейсіздер мей пей иді амын
емін амыз еміз асыз есіз асың есің асыздар есіздер асыңдар есіңдер дым дыңыз діңіз тыңыз тіңіз дық
дік тық дыңыздар діңіздер ген кен ғанын генін қанын кенін ғанда генде қанда кенде ғаннан геннен
ғаны гені ғанға генге қанға кенге маған меген баған беген паған пеген лған лген рған рген нған
нген тқан ткен сқан скен лді рды рді лып ліп рып ріп нып ніп тып тіп сып сіп йып йіп ып лап леп
дап деп тап теп уді удың удің атын етін йтын йтін ушы уші шылық шілік лық лығы лігі лығын лігін
лықты лікті лау леу дау деу тау теу нша нше саңыз сеңіз саңыздар сеңіздер ларымен лерімен дарымен
терімен тарымен дерімен ымызбен імізбен кпен қпен тпен ппен ымен мады меді бады беді пады педі
ылады іледі ынады інеді теді геді кеді ылды ілді ынды інді мды йлды ктар лттар мдар мдер сыздық
сіздік тігін тығын уын уін уына уіне уында уінде ланды ленді лынды ймай ймей кті ғысы гісі ушылар
ушілер ымды імді
"""
"""How Kazakh words end."""

RUSSIAN_WORDS = """
я ты он она оно мы вы они меня тебя его ее нас вас их мне тебе ему ей нам вам им мной вами ними
нами мой моя мое мои моей моего твой ваш ваша ваше ваши вашей вашего вашему наш наша наше наши
нашей нашего нашем нашему нашу вашу свой свои своей своего себя себе этот эта это эти этого этой
этом этим этому этих тот того той том тем тому тех тут там здесь сюда туда оттуда отсюда где куда
откуда когда почему зачем кто что чего чему чем кого кому кем какой какая какое какие какого какую
каких как сколько чей чья который которая которые которую которой которого и но или либо если
чтобы чтоб потому поэтому так также тоже хотя пока уже еще опять снова только лишь даже вот вон
все всех всем всего весь вся всю всей каждый каждая каждое любой сам сама сами самый самая из от
до за под над при для без про через между около возле после перед кроме по на во со ко об обо не
ни нет нету нельзя можно нужно надо есть был была было были будет будут буду будем быть бы ли же
ведь разве неужели очень много мало больше меньше долго скоро сейчас сегодня вчера завтра утром
вечером днем ночью всегда никогда никто ничего никого никакой никаких никому нигде никуда хоть
вообще просто тогда потом теперь давно недавно постоянно срочно быстро плохо холодно темно тепло
грязно страшно опасно невозможно проблема проблемы проблему вопрос ответ ответа ответы день дня
дней дни неделя неделю недели месяц месяца месяцев год года лет час часа часов минут утра вечера
ночи раз раза первый второй третий четвертый пятый вторая третья один одна два две три четыре пять
шесть семь восемь девять десять сто вода воды воду воде водой света снег снега лед двор дворе
дворы двора дом дома доме домов улица улице улицы улицу дорога дороге дороги дорогу яма ямы яму
труба трубу трубы крыша крыше подвал подвале этаж этаже собака собаки собак кот кошка кошки дерево
деревья ребенок ребенка дети детей детям люди людей человек женщина мужчина мама бабушка сосед
соседи соседей водитель пробка пробки очередь справку школе школы сад садика больница запах дым
шум пыль грязь вонь пожар авария акимата акимате район районе города городе город жители жильцы
житель ужас кошмар позор безобразие хорошо плохой хороший плохая понятно ясно ладно правильно
верно надеюсь жду ждем ждите ждать прошу просим хочу хотим могу можем может могут знаю знаете
скажите подскажите помогите помоги сделайте сделать сделали сделал уберите убрать почините
приезжайте приехали приехал пришел пришла пришли вышел идет едет ездит стоит стою стоим лежит
течет работает работают работал включат включите включили выключили отключили дадут дали дайте
вывозят вывезли звонил звонила звонили писал писала писали ответьте отвечает отвечают отправил
отправила обещали проверьте примите меры посмотрите разберитесь узнать получить оплатить платить
жить живем живу пройти проехать ездить ходить спать дышать иди идите то такой такая такое такие
одно другой другие другая всему нее него них ним нему должен должна должны нужен нужна нужны важно
именно скорее более менее почти вместо вокруг внутри снаружи рядом далеко близко сверху снизу
слева справа наконец конечно возможно видимо например значит новый новая старый старая целый целая
висит висят
"""
"""Words that only Russian has."""

RUSSIAN_STEMS = """
здесь вчераш сегодн завтра сколько невозм безобр беспред издева пожал обращ жалоб жалов подска
помог помощ скажи ответ объясн прове прием приня примит сдела делае делат убер убор убира чист
почис почин ремонти работ включ выключ отключ отоплен горяч холодн тепло водопро водосна канализ
канав прорв затоп потоп залив течет течь мусорн свалк помойк вывоз вывез улиц дорог асфальт разры
ямочн колод фонар освещ электри лампочк соседк соседн шумят шумит громк музык ночью ночно водител
пассаж проезд пешех движен знаки собак собач кошек бездомн бродяч укус покус детск дети детей
ребен школьн учител садик больниц врач очеред докумен заявк заявлен заявит удостов оформ получ
выдач пособи выплат штраф оплат плати квитанц тариф стоимос начисл дерев спил срубит ветк кустар
трава скаме лавочк лавк урны площадк качел лифте этаж крыш стен трещи двер замок домоф застр
строит стройк незакон самовол пристр рекламн вывеск граффит снег сугроб голол скольз лед песк
посып воняет вонь запах дышат грязн грязь пылищ пыль ржав мутн вкус давлен напор кран труб спасиб
благода молодц здрав добр привет извин уважаем пожелан прошу просьб требу хотел хочу ждем ждать
жду жить живем живут жител жильц приех приез приход пришл ушел уехал пропа потер нашел нашли наход
откро открыв закро слома сложн разби разру гниет опасн аварий срочн быстр медлен долго давно
недавн постоян каждый кажду много больше несколь второ трет четвер недел месяц годов день вечер
пере предупр предос предл прои пропус просто разреше распис рассмо подря подклю подня откаж отказ
отпра отмен закры открыт начал начат кончи законч звон позвон напис писал пишу сообщ установ
поставь посмотр покаж купит купил прохо проеха проезжа сидим сидит спасат спасите помыт почем
зачем упал гори сгор стоят стоит лежит бегают кусает лает орут ломает ломают бросил бросаю оставл
остал освобод измен исправ отремон замени поменя благоус террито управл жилищ жилой районе населен
админис
"""
"""Beginnings of words that only Russian has."""

RUSSIAN_GREETINGS = """
здравствуйте здраствуйте здравствуй здрасте здрасьте привет приветствую добрый доброе доброго день
дня вечер утро ночи времени суток спасибо спс благодарю благодарим пожалуйста пж пжл пожалуста
пожалуйсто извините простите уважаемые уважаемый уважением до свидания свиданья всего да алло
"""
"""What Russian begins and ends with."""

RUSSIAN_ENDINGS = """
ть ться тся чь ить ать ять еть уть оть ешь ишь ете ите йте айте ейте ает яет еет ует ют ут ят ит
ают яют уют ял ала яла ила али или яли ели ило ало ался лся лась лись лось ись йтесь ого его ому
ему ый ий ой ая яя ое ее ые ие ых их ыми ими ую юю ным ном ной ную ные ная ное ный ных ний няя нее
ние ния нию нием ниям ении ение ения ением ска ску ски ская ский ское ские ских ость ости остью
ство ства ством ция ции цию цией тель теля телей тели ник ника ники нику ников ку кой ец ами ями
ах ях ов ев ям енн анн ено ано ены аны ена ана ется ются ится ятся уйте уйста щий щая щие ший шая
чно чный чная шно тно дно рно лно вно жно сно зно ом ьте ьтесь итесь овать ировать ивать ывать
ывает ивает ывают ивают ирует ируют овал овали овала ована овано ованы нного нной нных нные нный
нная нное ается аются яется яются ились ивали ывали ению ешься аешь
"""
"""How Russian words end."""

SHARED_ENDINGS = """
на ты ке ны не ти са ни ды ин га ги се тей лей ине ди ге тер ше ша тан ши ден дан дим уга тик тым
нда ады лер тин лик нин дей еди ган тен нен нде уге сам тай бей дер уды ип рак кан тим май иды рек
дай сем лай дин ка да де та те тери ал ам ан ен ел ил ем ей ек ок ки лан лен дар лар тар
"""
"""How both end: they hide the shorter endings within them."""

ENGLISH_LIKE_ENDINGS = """
ial ain ish lar ite nder tari ken ana ina ete nia tin tar ites nie ani ost eet ein teri las sin
gen lis esh dari leri lari ena inder udi tel ano lip dar ska amin bai iam ali ami eli ego rip ila
ili tes nni oval ets
"""
"""Endings of the above, in Latin letters, with which English words end too."""

RUSSIAN_TYPED = """
zdravstvuite zdravstvuyte zdravstvujte zdrastvuyte zdrastvuite spasibo spasiba pozhaluista
pozhaluysta pozhalusta
"""
"""Politeness in Russian, in spellings of its own."""

KAZAKH_TYPED = """
salem saalem slm rahmet raqmet raxmet rakhmet iä ia iya assalaumagaleikum assalamualeikum
salamatsyzba salemetsizbe
"""
"""Politeness in Kazakh, in spellings of its own."""

ENGLISH_WORDS = """
you he she it we they me him her us them my your his our their mine yours this that these those
the an and or but if because so than then as at by for from in into of off on onto out over to
toward under up with without about above after again against all already also always am any
anybody anyone anything are aren't around away back be been before behind being below between both
can can't cannot could couldn't did didn't do does doesn't doing don't done down during each
either else enough even ever every everybody everyone everything few get gets getting give given
go goes going gone got had has hasn't have haven't having hello here high how however i'm i've
i'll i'd isn't it's its just keep know last least less let let's like little long look lot made
make many may maybe might more most much must need needs never new next nobody none nor not
nothing now nowhere often old once one only open other ought own people please put quite rather
really right said same say see seen several shall should shouldn't since some somebody someone
something soon still such sure take tell thank thanks that's there there's thing things think time
times today together tomorrow tonight too took turn two three four five six seven eight nine ten
until use used very want wants was wasn't way well went were weren't what what's when where
where's which while who whole why will within won't work works working worked would wouldn't write
wrote yes yet yesterday you're you've ask asked answer answered call called came come comes coming
fix fixed fixing help helps helped clean cleaned cleaning broken broke break leak leaks leaking
stop stopped report reported complain complaint complaints request requests pay paid paying wait
waiting waited send sent receive received live lives living found find lost lose happen happened
remove removed install installed repair repaired repairs replace check checked close closed turned
opened respond response smell smells walk walking drive driving drives driver drivers run running
bark barking bite bit sleep sleeping cross crossing ride park parked parking water light lights
street streets road roads house home building buildings apartment flat floor entrance elevator
lift stairs basement roof wall window door yard courtyard garbage trash rubbish waste bin bins
dump bus buses station metro subway train taxi car cars bike bicycle traffic jam lamp lamps power
electricity gas heat heating hot cold warm pipe pipes sewage sewer drain flood flooded snow ice
icy rain dust dirt dirty dark noise noisy loud music night day days week weeks month months year
years hour hours minute minutes morning evening afternoon monday tuesday wednesday thursday friday
saturday sunday neighbor neighbors neighbour neighbours child children kid kids school
kindergarten hospital clinic doctor police office city town district area address number phone
document documents certificate license passport card fine fines ticket tickets fee price cost
money tax free tree trees branch branches grass bench benches playground swing garden dog dogs
stray cat cats animal animals hole holes pothole potholes sidewalk pavement bridge sign signs line
lines construction illegal dangerous danger urgent urgently emergency accident safe unsafe bad
good great nice best better worse worst terrible awful horrible big huge small short early late
slow fast problem problems issue issues question questions information service services status
mayor government man woman men women person family friend mother father english speak language
tourist tourists visit hi hey bye goodbye ok okay welcome sorry excuse dear sir madam team job is
white company show social special official large low young left side main wide widely able across
along among another anymore anyway areas became become begin began believe bring brought build
built busy buy care case cause center centre change changed children's chance choose class common
completely concrete condition couple course cover covered cut damage damaged date dead deal decide
delay delayed depend different difficult dinner direction empty end ended expect expensive explain
extra face fact fall fallen falling fault feel felt fence field fill filled final fire first
follow food foot force forget form forward front full fully further general ground group grow
guess guys hand hang happy hard hate head health hear heard heavy helpful hit hold holiday
holidays hope hotel human idea immediately important include inside instead interested internet
kept kind knew known lack lady later lead leave leaves lie limit list local lock locked lots lower
machine mean meaning meet meeting member mention middle mistake moment moved move moving name near
nearby necessary network normal north note notice noticed older online opinion option order
outside owner paper part parts past pass passed passenger passengers path pensioner people's pick
picked piece place placed plan plant plants play point poor possible post prefer present prevent
private properly provide public pull push quality quick quickly quiet rate reach read ready real
reason red refuse refused register registered regular related remember remind rent reply resident
residents resolve resolved result return room rude rule rules safety schedule season second seems
sell serious set shop shops shut sick similar single sit site situation slippery snowing solve
solved someone's sound south space spend spot stand standing start started state stay steal step
stuck student study stuff suggest summer support supposed surface system talk teacher temperature
test themselves third though thought throw till tired top total touch trip trouble true trust try
trying understand unable unit update usually value via view village wake wanted warning wash watch
ways weather west wheel wheelchair whether wife winter wish wonder word worker workers world
worried yourself zone ago app avenue boulevard corner square block blocked missing ruined
overflowing overflow hasn havent hasnt dont doesnt didnt isnt wasnt arent cant couldnt wont im ive
youre thats theres whats lets plz pls thx asap info account password website login error link page
message messages email ignore ignored ignoring absolutely definitely letter letters unfortunately
lately technical technology wind british finish strategy approximately matter matters planet brain
certain remain
"""
"""Words that only English has; in Latin letters they are looked up before the others."""

ENGLISH_GREETINGS = """
hi hey hello please pls plz thanks thank thx you bye goodbye sorry welcome dear good yes no
"""
"""What English begins and ends with."""

ENGLISH_ENDINGS = """
ing tion sion ment ness ful less able ible ight ough ould ever body ther ture ally ily ely ously
ous ive ed ck ght ss oo ow ew ay ey th rs ds ly ll
"""
"""How English words end."""

BORROWED = """
автобус троллей такси метро маршрут троту асфальт подъезд лифт домофон интерне телефон номер адрес
видео фото камера лампа кран батаре унитаз бордюр люк полици банк справк докумен паспорт карта
квартир микрора проспек аким цон кск оси егов egov мусор контейн бак машин шлагбау знак останов
парк сквер школ садик спорт клуб магазин базар рынок суперма компани комисси комитет департа
министр депутат газ ток свет радиато насос счетчик тариф штраф кредит субсиди аллерг вирус вакцин
стадион концерт ремонт проект план график канал фонтан мост вокзал аэропор поезд билет транспо
шофер пенси баланс поликли самокат балкон подвал коммуна
"""
"""Beginnings of words that Kazakh and Russian speech share: only their ending tells."""

NAMES = """
алматы алмата астана нурсултан нұрсұлтан казахстан қазақстан шымкент абай абая абаи әуезов ауэзов
ауэзова ауезов әуезова сәтбаев сатпаев сатпаева сейфуллин сейфуллина жандосов жандосова розыбакиев
розыбакиева тимирязев тимирязева райымбек райымбека раимбека момышұлы момышулы назарбаев
назарбаева фурманов фурманова пушкин пушкина гоголь гоголя достык достық сайын сайн саин сайна
саина төле толе би қабанбай кабанбай батыр батыра бөгенбай богенбай наурызбай қарасай карасай
желтоқсан желтоксан шевченко курмангазы құрманғазы байтурсынов байтұрсынов байтурсынова жамбыл
жамбыла айтеке казыбек қазыбек мақатаев макатаев макатаева ташкентская саяхат көктөбе коктобе
шымбулак шымбұлақ медеу медео бостандық бостандык алатау наурыз турксиб түрксіб жетісу жетысу
алмалы алмалинский орбита самал аксай ақсай калкаман қалқаман шанырак шаңырақ таугуль мамыр
айнабулак айнабұлақ кульджинка кульджинская рыскулов рысқұлов рыскулова суюнбай сүйінбай фараби
навои джандосова мустафина утеген отеген утегенова радостовца брусиловского ганди панфилов
панфилова манаса гагарина байзакова масанчи ауэзовский барахолка есентай дулати дінмұхамед қонаев
кунаева кунаев мкр мкрн ул пр кв д пер стр г обл тел ок окей ok okey okay abay abai almaty sain
saina sayn tole bi dostyk dostyq medeu medeo samal satpaev satpaeva zhandosova kz com ru www http
https gmail mail whatsapp telegram instagram kaspi egov avenue str онай onai onay
"""
"""Names of places and of people they bear, abbreviations of addresses: they speak no language."""
